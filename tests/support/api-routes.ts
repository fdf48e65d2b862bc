/** One route of an OpenAPI document. */
export type Route = {
  /** `GET /v1/orders/{id}` */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  /** True if the document requires no token. */
  readonly isOpen: boolean;
  readonly parameters: readonly Parameter[];
  readonly body: Schema | undefined;
  readonly document: Schema;
};

export type Parameter = {
  readonly name: string;
  readonly in: string;
  readonly required?: boolean;
  readonly schema: Schema;
};

// biome-ignore lint/suspicious/noExplicitAny: a JSON Schema, and the values of a document.
export type Schema = any;

/** All routes of a document. */
export function routesOf(document: Schema): Route[] {
  return Object.entries<Schema>(document.paths).flatMap(([path, operations]) =>
    Object.entries<Schema>(operations).map(([verb, operation]) => ({
      name: `${verb.toUpperCase()} ${path}`,
      method: verb.toUpperCase(),
      path,
      isOpen: (operation.security ?? document.security ?? []).length === 0,
      parameters: operation.parameters ?? [],
      body: operation.requestBody?.content["application/json"]?.schema,
      document,
    })),
  );
}

/** A sample that matches a schema: only required fields, with known values by field name. */
export function sampleOf(route: Route, schema: Schema, known: Readonly<Record<string, unknown>>, name = ""): unknown {
  if (schema.$ref !== undefined) {
    return sampleOf(route, resolve(route.document, schema.$ref), known, name);
  }
  const [first] = schema.anyOf ?? schema.oneOf ?? [];
  if (first !== undefined) {
    return sampleOf(route, first, known, name);
  }
  if (schema.enum !== undefined) {
    return schema.enum.at(-1);
  }
  switch ([schema.type].flat()[0]) {
    case "object":
      return objectOf(route, schema, known);
    case "array":
      return [sampleOf(route, schema.items ?? {}, known)];
    case "integer":
    case "number":
      return Math.max(1, schema.minimum ?? 1);
    case "boolean":
      return true;
    default:
      return textOf(schema, name);
  }
}

function objectOf(route: Route, schema: Schema, known: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const fields = Object.entries<Schema>(schema.properties ?? {});
  const [[atLeast] = []] = schema.minProperties === undefined ? [] : fields;
  return Object.fromEntries(
    fields
      .filter(([field]) => field in known || field === atLeast || schema.required?.includes(field))
      .map(([field, inside]) => [field, known[field] ?? sampleOf(route, inside, known, field)]),
  );
}

function textOf({ pattern = "", minLength = 0, maxLength = 1_000, format }: Schema, name: string): string {
  const wanted = new RegExp(pattern);
  const text = samples.find(
    ([sample, of]) =>
      (format === undefined || of === format || of === "") &&
      wanted.test(sample) &&
      sample.length >= minLength &&
      sample.length <= maxLength,
  );
  if (text === undefined) {
    throw new Error(`no sample is a ${name} of ${JSON.stringify({ pattern, minLength, maxLength, format })}: add one`);
  }
  return text[0];
}

const samples = [
  ["a@example.com", "email"],
  ["https://example.com/", "uri"],
  ["2030-01-31T12:00:00Z", "date-time"],
  ["sample", ""],
  ["1", ""],
  ["US", ""],
  ["USD", ""],
  ["30s", ""],
  ["a@example.com", ""],
  ["a-sample-of-thirty-two-characters", ""],
  // JSON of a browser.
  ["{}", ""],
] as const;

function resolve(document: Schema, reference: string): Schema {
  return reference
    .slice(2)
    .split("/")
    .reduce((inside, key) => inside[key], document);
}

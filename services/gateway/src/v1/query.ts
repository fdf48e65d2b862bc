import { type DescField, type DescMessage, type JsonObject, type JsonValue, ScalarType } from "@bufbuild/protobuf";
import type { Violation } from "@sagacart/rest/problem";

/** A field that can be set by the query: `minPrice.currencyCode=EUR`. */
export type QueryParameter = {
  /** As documented: `minPrice.currencyCode`. */
  readonly name: string;
  /** The fields that lead to it, outermost first. */
  readonly fields: readonly DescField[];
};

/** Returns the fields that a query can set, by both spellings (`pageSize`, `page_size`), without those that are `taken`. */
export function queryParameters(
  message: DescMessage,
  isTaken: (name: string) => boolean,
): ReadonlyMap<string, QueryParameter> {
  const parameters = new Map<string, QueryParameter>();
  for (const fields of leaves(message, [])) {
    const protoName = fields.map(({ name }) => name).join(".");
    if (!isTaken(protoName) && !isTaken(fields[0]?.name ?? "")) {
      const name = fields.map(({ jsonName }) => jsonName).join(".");
      parameters.set(name, { name, fields });
      parameters.set(protoName, { name, fields });
    }
  }
  return parameters;
}

/** Values as the query parser returns them. */
export type Query = Readonly<Record<string, string | readonly string[] | undefined>>;

/** Writes the query's values into the JSON of a message. Returns what is wrong with each parameter. */
export function writeQuery(
  json: JsonObject,
  query: Query,
  { query: parameters, bodyOnly }: { query: ReadonlyMap<string, QueryParameter>; bodyOnly: ReadonlySet<string> },
): readonly Violation[] {
  const violations: Violation[] = [];
  for (const [name, given] of Object.entries(query)) {
    const parameter = parameters.get(name);
    if (parameter === undefined) {
      violations.push(
        bodyOnly.has(name)
          ? {
              field: name,
              rule: "body_only",
              message: "must not be in a URL, which logs keep; send it in a body or header",
            }
          : { field: name, rule: "unknown", message: "there is no such query parameter" },
      );
      continue;
    }
    const values = typeof given === "string" ? [given] : (given ?? []);
    const field = parameter.fields.at(-1);
    if (field?.fieldKind === "list") {
      write(
        json,
        parameter.fields,
        values.map((value) => jsonOf(value, field)),
      );
    } else if (field !== undefined && values.length === 1 && values[0] !== undefined) {
      write(json, parameter.fields, jsonOf(values[0], field));
    } else {
      violations.push({ field: name, rule: "once", message: "may be given once" });
    }
  }
  return violations;
}

/** Writes a value to a nested field. */
export function write(json: JsonObject, fields: readonly DescField[], value: JsonValue): void {
  let inside = json;
  for (const { jsonName, name } of fields.slice(0, -1)) {
    const existing = inside[jsonName] ?? inside[name];
    const next = isObject(existing) ? existing : {};
    delete inside[name];
    inside[jsonName] = next;
    inside = next;
  }
  const last = fields.at(-1);
  if (last !== undefined) {
    // The body may have it in the other spelling.
    delete inside[last.name];
    inside[last.jsonName] = value;
  }
}

export function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function* leaves(message: DescMessage, before: readonly DescField[]): Generator<readonly DescField[]> {
  for (const field of message.fields) {
    const fields = [...before, field];
    const isGroup = field.fieldKind === "message" && !field.message.typeName.startsWith("google.protobuf.");
    if (isGroup && fields.length < maxDepth) {
      yield* leaves(field.message, fields);
    } else if (field.fieldKind !== "map" && !isGroup && !(field.fieldKind === "list" && field.listKind === "message")) {
      yield fields;
    }
  }
}

const maxDepth = 4;

/** Converts text to the JSON of its field; leaves wrong values to the decoder, which reports them. */
function jsonOf(text: string, field: DescField): JsonValue {
  const scalar = field.fieldKind === "list" || field.fieldKind === "scalar" ? field.scalar : undefined;
  const isBool = scalar === ScalarType.BOOL || field.message?.typeName === "google.protobuf.BoolValue";
  if (isBool && (text === "true" || text === "false")) {
    return text === "true";
  }
  if (field.enum !== undefined && /^-?(0|[1-9]\d{0,9})$/.test(text)) {
    return Number(text);
  }
  return text;
}

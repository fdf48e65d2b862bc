import { readFileSync } from "node:fs";
import type { Schema } from "./schema.ts";

/** A request that succeeded and its answer, recorded by `npm run examples`. */
export type Example = {
  /** By the parameter's name. */
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly request?: unknown;
  readonly response: unknown;
};

/** The examples of a document by the name of their operation. */
export type Examples = Readonly<Record<string, Example>>;

/** Reads the examples that `npm run examples` has written. */
export function readExamples(file: URL): Examples {
  return JSON.parse(readFileSync(file, "utf8"));
}

/** Returns an operation's name among the examples: its operationId, or its verb and path. */
function exampleName(verb: string, path: string, { operationId }: Schema): string {
  return typeof operationId === "string" ? operationId : `${verb.toUpperCase()} ${path}`;
}

/** Adds the examples to the operations of these paths: to their parameters, requests' bodies and successful answers. */
export function withExamples(paths: object, examples: Examples): Record<string, Record<string, Schema>> {
  return Object.fromEntries(
    Object.entries(paths).map(([path, operations]: [string, Record<string, Schema>]) => [
      path,
      Object.fromEntries(
        Object.entries(operations).map(([verb, operation]) => [
          verb,
          withExample(operation, examples[exampleName(verb, path, operation)]),
        ]),
      ),
    ]),
  );
}

/** Returns the status of an operation's successful answer, if that has content. */
export function answerStatus(responses: object): string | undefined {
  return Object.keys(responses).find((status) => /^2(?!04)/.test(status));
}

/** Adds an example to an operation. */
export function withExample(operation: Schema, example: Example | undefined): Schema {
  if (example === undefined) {
    return operation;
  }
  const { parameters, requestBody, responses } = operation;
  return {
    ...operation,
    ...(Array.isArray(parameters) ? { parameters: parameters.map((each) => withValue(each, example)) } : {}),
    ...(isObject(requestBody) && example.request !== undefined
      ? { requestBody: withContent(requestBody, example.request) }
      : {}),
    ...(isObject(responses) ? { responses: withAnswer(responses, example.response) } : {}),
  };
}

function withValue(parameter: unknown, { parameters = {} }: Example): unknown {
  if (!isObject(parameter) || typeof parameter.name !== "string" || !(parameter.name in parameters)) {
    return parameter;
  }
  return { ...parameter, example: parameters[parameter.name] };
}

function withAnswer(responses: Schema, response: unknown): Schema {
  const status = answerStatus(responses);
  const answer = responses[status ?? ""];
  return status === undefined || !isObject(answer)
    ? responses
    : { ...responses, [status]: withContent(answer, response) };
}

/** Adds the example to the first type of a content. */
function withContent(body: Schema, example: unknown): Schema {
  const { content } = body;
  if (!isObject(content)) {
    return body;
  }
  const [type, ...others] = Object.entries(content);
  if (type === undefined || !isObject(type[1])) {
    return body;
  }
  return { ...body, content: Object.fromEntries([[type[0], { ...type[1], example }], ...others]) };
}

function isObject(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

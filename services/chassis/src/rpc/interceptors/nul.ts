import { create, type DescField, type DescMessage, type Message } from "@bufbuild/protobuf";
import { isReflectMessage, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import {
  type FieldPathElement,
  FieldPathElementSchema,
  ViolationsSchema,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { fieldPath } from "../field-path.ts";

/**
 * Refuses texts with a NUL byte, naming the field. Protobuf allows NUL and Postgres does not, neither in text nor in
 * jsonb, so such a call would fail with INTERNAL. The request of a stream arrives as one message of an iterable.
 */
export function nulInterceptor(): Interceptor {
  return (next) => async (request) => {
    if (request.stream) {
      return await next({ ...request, message: checkedEach(request.method.input, request.message) });
    }
    refuseNul(request.method.input, request.message);
    return await next(request);
  };
}

async function* checkedEach<T extends Message>(schema: DescMessage, messages: AsyncIterable<T>): AsyncIterable<T> {
  for await (const message of messages) {
    refuseNul(schema, message);
    yield message;
  }
}

/** Throws INVALID_ARGUMENT for a message with a NUL byte in a text, naming the field. */
export function refuseNul(schema: DescMessage, message: Message): void {
  if (hasNul(message)) {
    refuse(schema, message);
  }
}

/** Searches all texts of a value. It does not use reflection, which is slow: it runs in each call and rarely finds one. */
function hasNul(value: unknown): boolean {
  if (typeof value === "string") {
    return value.includes("\0");
  }
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) {
    return false;
  }
  return Array.isArray(value)
    ? value.some(hasNul)
    : Object.entries(value).some(([key, field]) => key.includes("\0") || hasNul(field));
}

function refuse(schema: DescMessage, message: Message): void {
  const elements = pathToNul(reflect(schema, message)) ?? [];
  const field = { elements };
  const rule = "must not contain a NUL byte";
  const violations = create(ViolationsSchema, { violations: [{ field, ruleId: "string.no_nul", message: rule }] });
  const path = fieldPath(violations.violations[0]?.field);
  throw new ConnectError(`${path}: ${rule}`, Code.InvalidArgument, undefined, [
    { desc: ViolationsSchema, value: violations },
  ]);
}

/** Finds the path to the first NUL byte; undefined if there is none. */
function pathToNul(message: ReflectMessage): FieldPathElement[] | undefined {
  for (const field of message.fields) {
    if (!message.isSet(field)) {
      continue;
    }
    const path = pathInField(message, field);
    if (path !== undefined) {
      return path;
    }
  }
  return undefined;
}

function pathInField(message: ReflectMessage, field: DescField): FieldPathElement[] | undefined {
  const at = (index?: number) => elementOf(field, index);
  switch (field.fieldKind) {
    case "scalar":
    case "enum":
      return hasNul(message.get(field)) ? [at()] : undefined;
    case "message": {
      const below = pathToNul(message.get(field));
      return below && [at(), ...below];
    }
    case "list": {
      for (const [index, item] of [...message.get(field)].entries()) {
        const below = isReflectMessage(item) ? pathToNul(item) : hasNul(item) ? [] : undefined;
        if (below !== undefined) {
          return [at(index), ...below];
        }
      }
      return undefined;
    }
    case "map": {
      const inside = (value: unknown) => (isReflectMessage(value) ? pathToNul(value) !== undefined : hasNul(value));
      return [...message.get(field)].some((entry) => entry.some(inside)) ? [at()] : undefined;
    }
    default:
      return field satisfies never;
  }
}

function elementOf({ number: fieldNumber, name: fieldName }: DescField, index: number | undefined): FieldPathElement {
  return create(FieldPathElementSchema, {
    fieldNumber,
    fieldName,
    ...(index === undefined ? {} : { subscript: { case: "index", value: BigInt(index) } }),
  });
}

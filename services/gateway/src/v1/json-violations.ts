import { type DescField, type DescMessage, fromJson, type JsonValue } from "@bufbuild/protobuf";
import type { Violation } from "@sagacart/rest/problem";
import { isObject } from "./query.ts";

/**
 * Finds why a JSON value is not this message: each unknown field and each value of a wrong type, by its path
 * (`lines[2].quantity`). Call it only after decoding has failed, since it decodes piece by piece.
 */
export function jsonViolations(message: DescMessage, json: JsonValue, path = ""): readonly Violation[] {
  if (!isObject(json)) {
    return [{ field: path, rule: "type", message: `must be an object, not ${kindOf(json)}` }];
  }
  return Object.entries(json).flatMap(([key, value]) => {
    const at = path === "" ? key : `${path}.${key}`;
    const field = message.fields.find(({ jsonName, name }) => jsonName === key || name === key);
    return field === undefined
      ? [{ field: at, rule: "unknown", message: "there is no such field" }]
      : fieldViolations(message, field, value, at);
  });
}

function fieldViolations(message: DescMessage, field: DescField, value: JsonValue, at: string): readonly Violation[] {
  if (field.fieldKind === "message" && isPlain(field.message) && value !== null) {
    return jsonViolations(field.message, value, at);
  }
  if (field.fieldKind === "list" && Array.isArray(value)) {
    return value.flatMap((item, index) => {
      const itemAt = `${at}[${index}]`;
      return field.listKind === "message" && isPlain(field.message)
        ? jsonViolations(field.message, item, itemAt)
        : tried(message, field, [item], itemAt);
    });
  }
  return tried(message, field, value, at);
}

function tried(message: DescMessage, field: DescField, value: JsonValue, at: string): readonly Violation[] {
  try {
    fromJson(message, { [field.jsonName]: value });
    return [];
  } catch {
    return [{ field: at, rule: "type", message: `must be ${wanted(field)}, not ${shown(value)}` }];
  }
}

/** Returns true for messages whose JSON is an object of their fields. */
function isPlain(message: DescMessage): boolean {
  return !message.typeName.startsWith("google.protobuf.");
}

function wanted(field: DescField): string {
  if (field.enum !== undefined) {
    const names = field.enum.values.filter(({ number }) => number !== 0).map(({ name }) => name);
    return `one of ${names.join(", ")}`;
  }
  if (field.fieldKind === "list" && field.listKind !== "scalar") {
    return "a list of objects";
  }
  const kind =
    field.message === undefined
      ? (scalarKinds[field.scalar ?? 0] ?? "a text")
      : (wellKnown[field.message.name] ?? "an object");
  return kind;
}

/** By ScalarType. */
const scalarKinds: Readonly<Record<number, string>> = {
  1: "a number",
  2: "a number",
  3: "a whole number of 64 bits",
  5: "a whole number of 32 bits",
  8: "true or false",
  9: "a text",
  12: "bytes in base64",
  13: "a whole number of 32 bits, not negative",
  4: "a whole number of 64 bits, not negative",
};

const wellKnown: Readonly<Record<string, string>> = {
  Timestamp: 'a time like "2030-01-31T12:00:00Z"',
  Duration: 'a span in seconds like "30s"',
  FieldMask: 'names of fields with commas, like "title,price"',
};

function kindOf(value: JsonValue): string {
  if (value === null) {
    return "null";
  }
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}

function shown(value: JsonValue): string {
  const text = JSON.stringify(value);
  return text.length <= 60 ? text : kindOf(value);
}

import { type DescEnum, type DescField, type DescMessage, type JsonValue, ScalarType } from "@bufbuild/protobuf";
import { MoneySchema } from "@sagacart/proto/type/v1/money";
import { mostViolations } from "../error-bounds.ts";
import { mostItemsOf } from "./long-list.ts";

/** A part of a JSON value that is wrong: its path (`lines[2].quantity`), the rule that it breaks, and what that requires. */
export type JsonViolation = { readonly field: string; readonly rule: string; readonly message: string };

export type StrictJsonOptions = {
  /** Refuses fields that the message does not have. */
  readonly unknown: "refused" | "ignored";
  /**
   * Refuses amounts without minor units. Generated clients leave out fields that are zero, so that a zero amount of
   * theirs has none; people who write JSON mean an amount that they forgot.
   */
  readonly absentMinorUnits: "refused" | "zero";
};

/**
 * Finds what keeps a JSON value from being a message by proto's JSON mapping, strictly
 * (https://protobuf.dev/programming-guides/json/). protobuf-es reads by JavaScript's rules where the mapping has its own:
 *
 * | value | protobuf-es | here |
 * | --- | --- | --- |
 * | integers in quotes | `"0x64"`, `"0b1"`, `"1e1"`, `" 5 "`, `"+5"`, `"1.0"` | decimal digits without leading zeros |
 * | 64-bit integers without quotes | rounded past 2^53 | refused past 2^53, with "put it in quotes" |
 * | floats in quotes | `"0x64"`, `"1."` | JSON numbers, `NaN`, `Infinity` |
 * | bytes | spaces and padding anywhere | base64 or base64url, padding at the end or none |
 * | Duration | `"1s garbage"`, more than nine decimals | `-?digits[.digits]s` |
 * | Timestamp | `2030-02-30`, `24:00` | days and times that exist |
 * | FieldMask | empty paths | names in lowerCamelCase |
 *
 * The mapping takes exponents in quotes, too; they are refused, since nobody writes a count that way on purpose. Without
 * quotes, `1e1` is the JSON number 10.
 *
 * Null is an absent field, except where an amount of money is meant: there it is refused.
 *
 * It stops at mostViolations, and looks into no list that is longer than the contract allows, so that the work for a
 * request is bounded whatever is wrong with it.
 */
export function jsonViolations(
  schema: DescMessage,
  json: JsonValue,
  options: StrictJsonOptions = { unknown: "refused", absentMinorUnits: "refused" },
): readonly JsonViolation[] {
  const violations: JsonViolation[] = [];
  try {
    checkMessage(schema, json, "", {
      ...options,
      violate(violation) {
        violations.push(violation);
        if (violations.length === mostViolations) {
          throw enough;
        }
      },
    });
  } catch (error) {
    if (error !== enough) {
      throw error;
    }
  }
  return violations;
}

type Check = StrictJsonOptions & { violate(violation: JsonViolation): void };

/** Thrown to leave the check once enough has been found. */
const enough = new Error("enough violations");

function checkMessage(schema: DescMessage, json: JsonValue, path: string, check: Check): void {
  if (!isObject(json)) {
    check.violate({ field: path, rule: "type", message: `must be an object, not ${kindOf(json)}` });
    return;
  }
  const fields = fieldsOf(schema);
  const seen = new Set<DescField>();
  for (const [key, value] of Object.entries(json)) {
    const field = fields.get(key);
    const at = path === "" ? key : `${path}.${key}`;
    if (field === undefined) {
      if (check.unknown === "refused") {
        check.violate({ field: at, rule: "unknown", message: "there is no such field" });
      }
    } else if (seen.has(field)) {
      check.violate({ field: at, rule: "once", message: "is there in both spellings" });
    } else if (value !== null) {
      seen.add(field);
      checkField(field, value, at, check);
    } else if (isAmount(field)) {
      seen.add(field);
      check.violate({ field: at, rule: "required", message: "must be an amount, not null" });
    }
  }
  if (schema === MoneySchema && check.absentMinorUnits === "refused" && !seen.has(minorUnits)) {
    const field = path === "" ? minorUnits.jsonName : `${path}.${minorUnits.jsonName}`;
    check.violate({ field, rule: "required", message: "an amount needs its minor units, also if they are 0" });
  }
}

const minorUnits = MoneySchema.field.minorUnits;

function isAmount(field: DescField): boolean {
  return field === minorUnits || field.message === MoneySchema;
}

/** The fields of a message by both spellings of their names. */
function fieldsOf(schema: DescMessage): ReadonlyMap<string, DescField> {
  let fields = known.get(schema);
  if (fields === undefined) {
    fields = new Map(
      schema.fields.flatMap((field) => [field.name, field.jsonName].map((name) => [name, field] as const)),
    );
    known.set(schema, fields);
  }
  return fields;
}

const known = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

function checkField(field: DescField, value: JsonValue, at: string, check: Check): void {
  switch (field.fieldKind) {
    case "list":
      if (!Array.isArray(value)) {
        refuse(field, value, at, check);
        return;
      }
      if (value.length > mostItemsOf(field)) {
        const message = `must have at most ${mostItemsOf(field)} items, not ${value.length}`;
        check.violate({ field: at, rule: "repeated.max_items", message });
        return;
      }
      for (const [index, item] of value.entries()) {
        checkValue(field, item, `${at}[${index}]`, check);
      }
      return;
    case "map":
      if (!isObject(value)) {
        refuse(field, value, at, check);
        return;
      }
      if (Object.keys(value).length > mostItemsOf(field)) {
        const message = `must have at most ${mostItemsOf(field)} entries, not ${Object.keys(value).length}`;
        check.violate({ field: at, rule: "map.max_pairs", message });
        return;
      }
      for (const [key, item] of Object.entries(value)) {
        if (!isScalar(field.mapKey, keyOf(field.mapKey, key))) {
          check.violate({
            field: at,
            rule: "type",
            message: `has a name that is not ${scalarKinds[field.mapKey]}`,
          });
        }
        checkValue(field, item, `${at}[${JSON.stringify(key)}]`, check);
      }
      return;
    default:
      checkValue(field, value, at, check);
  }
}

/** Keys are texts in JSON. */
function keyOf(type: ScalarType, key: string): JsonValue {
  return type === ScalarType.BOOL && (key === "true" || key === "false") ? key === "true" : key;
}

/** Checks one value: a field's, or an item's of a list or map, where null is none. */
function checkValue(field: DescField, value: JsonValue, at: string, check: Check): void {
  const { message, enum: values, scalar } = field;
  if (message !== undefined && wellKnown[message.typeName] === undefined && !isGoogles(message)) {
    checkMessage(message, value, at, check);
    return;
  }
  const isFine =
    message !== undefined
      ? isWellKnown(message, value)
      : values !== undefined
        ? isEnumValue(values, value)
        : isScalar(scalar ?? ScalarType.STRING, value);
  if (!isFine) {
    refuse(field, value, at, check);
  }
}

function refuse(field: DescField, value: JsonValue, at: string, check: Check): void {
  const isRounded = typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
  const message = isRounded
    ? "must be in quotes, since it is past 2^53"
    : `must be ${wanted(field)}, not ${shown(value)}`;
  check.violate({ field: at, rule: "type", message });
}

function isGoogles({ typeName }: DescMessage): boolean {
  return typeName.startsWith("google.protobuf.");
}

function isWellKnown(message: DescMessage, value: JsonValue): boolean {
  const type = wellKnown[message.typeName];
  if (type !== undefined) {
    return typeof value === "string" && type.accepts(value);
  }
  const [wrapped] = message.fields;
  // Wrappers are JSON's scalars. What is left, such as Struct, is any JSON.
  return message.name.endsWith("Value") && wrapped?.fieldKind === "scalar" ? isScalar(wrapped.scalar, value) : true;
}

function isEnumValue(values: DescEnum, value: JsonValue): boolean {
  return typeof value === "string"
    ? values.values.some(({ name }) => name === value)
    : typeof value === "number" && isScalar(ScalarType.INT32, value);
}

function isScalar(type: ScalarType, value: JsonValue): boolean {
  switch (type) {
    case ScalarType.STRING:
      return typeof value === "string" && value.isWellFormed();
    case ScalarType.BOOL:
      return typeof value === "boolean";
    case ScalarType.BYTES:
      return typeof value === "string" && isBase64(value);
    case ScalarType.FLOAT:
    case ScalarType.DOUBLE:
      return isFloat(value, type === ScalarType.FLOAT ? largestFloat : Number.MAX_VALUE);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return isWhole(value, -(2n ** 31n), 2n ** 31n - 1n);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return isWhole(value, 0n, 2n ** 32n - 1n);
    case ScalarType.INT64:
    case ScalarType.SINT64:
    case ScalarType.SFIXED64:
      return isWhole(value, -(2n ** 63n), 2n ** 63n - 1n);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return isWhole(value, 0n, 2n ** 64n - 1n);
    default:
      return type satisfies never;
  }
}

/** Without quotes, a number past 2^53 was rounded before it came here. */
function isWhole(value: JsonValue, from: bigint, to: bigint): boolean {
  const isRead =
    (typeof value === "number" && Number.isSafeInteger(value)) ||
    (typeof value === "string" && value.length <= 20 && /^-?(0|[1-9]\d*)$/.test(value));
  return isRead && BigInt(value) >= from && BigInt(value) <= to;
}

function isFloat(value: JsonValue, largest: number): boolean {
  if (value === "NaN" || value === "Infinity" || value === "-Infinity") {
    return true;
  }
  const isText = typeof value === "string" && value.length <= 400 && jsonNumber.test(value);
  return (typeof value === "number" || isText) && Math.abs(Number(value)) <= largest;
}

const jsonNumber = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const largestFloat = 3.4028234663852886e38;

function isBase64(value: string): boolean {
  const [, digits = "", padding = ""] = /^([A-Za-z0-9+/_-]*)(={0,2})$/.exec(value) ?? [undefined, "?"];
  return digits.length % 4 !== 1 && (padding === "" || (digits.length + padding.length) % 4 === 0) && digits !== "?";
}

type TextType = { readonly wanted: string; accepts(text: string): boolean };

const wellKnown: Readonly<Record<string, TextType | undefined>> = {
  "google.protobuf.Timestamp": { wanted: 'a time like "2030-01-31T12:00:00Z"', accepts: isTimestamp },
  "google.protobuf.Duration": { wanted: 'a span in seconds like "30s"', accepts: isDuration },
  "google.protobuf.FieldMask": { wanted: 'names of fields with commas, like "title,price"', accepts: isFieldMask },
};

function isTimestamp(text: string): boolean {
  const parts = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.\d{1,9})?(?:Z|[+-](\d\d):(\d\d))$/.exec(text);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, offsetHours = 0, offsetMinutes = 0] =
    parts?.slice(1).map((part) => Number(part ?? 0)) ?? [];
  const isDay =
    month >= 1 && month <= 12 && day >= 1 && day <= new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();
  const isTime = hour <= 23 && minute <= 59 && second <= 59 && offsetHours <= 23 && offsetMinutes <= 59;
  const ms = parts === null ? Number.NaN : Date.parse(text);
  return isDay && isTime && ms >= firstMs && ms <= lastMs;
}

const firstMs = Date.parse("0001-01-01T00:00:00Z");
const lastMs = Date.parse("9999-12-31T23:59:59.999Z");

function isDuration(text: string): boolean {
  const [, seconds] = /^-?(\d{1,12})(?:\.\d{1,9})?s$/.exec(text) ?? [];
  return seconds !== undefined && Number(seconds) <= 315_576_000_000;
}

function isFieldMask(text: string): boolean {
  return text === "" || text.split(",").every((path) => /^[a-z][A-Za-z0-9]*(\.[a-z][A-Za-z0-9]*)*$/.test(path));
}

function wanted(field: DescField): string {
  if (field.enum !== undefined) {
    const names = field.enum.values.filter(({ number }) => number !== 0).map(({ name }) => name);
    return `one of ${names.join(", ")}`;
  }
  if (field.fieldKind === "list" && field.listKind !== "scalar") {
    return "a list of objects";
  }
  return field.message === undefined
    ? (scalarKinds[field.scalar ?? ScalarType.STRING] ?? "a text")
    : (wellKnown[field.message.typeName]?.wanted ?? "an object");
}

const scalarKinds: Readonly<Partial<Record<ScalarType, string>>> = {
  [ScalarType.DOUBLE]: "a number",
  [ScalarType.FLOAT]: "a number",
  [ScalarType.INT64]: "a whole number of 64 bits",
  [ScalarType.UINT64]: "a whole number of 64 bits, not negative",
  [ScalarType.INT32]: "a whole number of 32 bits",
  [ScalarType.UINT32]: "a whole number of 32 bits, not negative",
  [ScalarType.BOOL]: "true or false",
  [ScalarType.STRING]: "a text",
  [ScalarType.BYTES]: "bytes in base64",
};

function isObject(value: JsonValue): value is { [key: string]: JsonValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function kindOf(value: JsonValue): string {
  if (value === null) {
    return "null";
  }
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}

/** Shows short values. Lists and objects that are not empty are named only: writing a deep one would overflow the stack. */
function shown(value: JsonValue): string {
  const isEmpty = typeof value === "object" && value !== null && Object.keys(value).length === 0;
  if ((typeof value === "object" && value !== null && !isEmpty) || (typeof value === "string" && value.length > 60)) {
    return kindOf(value);
  }
  const text = JSON.stringify(value);
  return text.length <= 60 ? text : kindOf(value);
}

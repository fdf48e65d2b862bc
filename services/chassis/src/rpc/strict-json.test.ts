import { create, createFileRegistry, type DescMessage, fromJson, type JsonValue } from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_duration,
  file_google_protobuf_field_mask,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from "@bufbuild/protobuf/wkt";
import { CreateProductRequestSchema } from "@sagacart/proto/stock/v1/product_service";
import { MoneySchema } from "@sagacart/proto/type/v1/money";
import { expect, test } from "vitest";
import { jsonViolations } from "./strict-json.ts";

const imported = [
  file_google_protobuf_duration,
  file_google_protobuf_field_mask,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
];

/** A message with one field of each type. */
const scalars = {
  double: Type.DOUBLE,
  float: Type.FLOAT,
  int32: Type.INT32,
  sint32: Type.SINT32,
  sfixed32: Type.SFIXED32,
  uint32: Type.UINT32,
  fixed32: Type.FIXED32,
  int64: Type.INT64,
  sint64: Type.SINT64,
  sfixed64: Type.SFIXED64,
  uint64: Type.UINT64,
  fixed64: Type.FIXED64,
  bool: Type.BOOL,
  string: Type.STRING,
  bytes: Type.BYTES,
};
const messages = {
  timestamp: "google.protobuf.Timestamp",
  duration: "google.protobuf.Duration",
  mask: "google.protobuf.FieldMask",
  wrapped: "google.protobuf.Int64Value",
};
const file = create(FileDescriptorProtoSchema, {
  name: "all.proto",
  package: "test",
  syntax: "proto3",
  dependency: imported.map(({ proto }) => proto.name),
  enumType: [{ name: "Word", value: ["NONE", "ONE"].map((name, number) => ({ name, number })) }],
  messageType: [
    {
      name: "All",
      field: [
        ...Object.entries(scalars).map(([name, type], index) => ({ name, jsonName: name, type, number: index + 1 })),
        ...Object.entries(messages).map(([name, typeName], index) => ({
          ...{ name, jsonName: name, number: index + 31 },
          ...{ type: Type.MESSAGE, typeName: `.${typeName}` },
        })),
        { name: "word", jsonName: "word", number: 41, type: Type.ENUM, typeName: ".test.Word" },
        { name: "list", jsonName: "list", number: 42, type: Type.INT32, label: Label.REPEATED },
        { name: "in_snake_case", jsonName: "inSnakeCase", number: 43, type: Type.INT32 },
      ],
    },
  ],
});
const found = createFileRegistry(file, (name) => imported.find(({ proto }) => proto.name === name)).getMessage(
  "test.All",
);
const schema = found as DescMessage;

const whole = {
  signed: ["int32", "sint32", "sfixed32", "int64", "sint64", "sfixed64"],
  unsigned: ["uint32", "fixed32", "uint64", "fixed64"],
};
const wholes = [...whole.signed, ...whole.unsigned];
const floats = ["double", "float"];
const each = (fields: readonly string[], values: readonly JsonValue[]) =>
  fields.flatMap((field) => values.map((value): [string, JsonValue] => [field, value]));

const accepted: [string, JsonValue][] = [
  ...each(wholes, [0, 1, 10, "0", "1", "2147483647", 1e1, 2147483647]),
  ...each(whole.signed, [-1, "-1", "-0", "-2147483648"]),
  ...each(["int64", "sint64", "sfixed64"], ["9223372036854775807", "-9223372036854775808", 9007199254740991]),
  ...each(["uint64", "fixed64"], ["18446744073709551615"]),
  ...each(["uint32", "fixed32"], [4294967295, "4294967295"]),
  ...each(floats, [0, -1.5, 1e10, "1.5", "-1e-3", "1E+2", "NaN", "Infinity", "-Infinity"]),
  ...each(["bool"], [true, false]),
  ...each(["string"], ["", "0x64", "é🍎"]),
  ...each(["bytes"], ["", "QQ==", "QQ", "QUI=", "QUI", "QUJD", "-_-_", "+/+/"]),
  ...each(["word"], ["NONE", "ONE", 1, 7, -1]),
  ...each(["duration"], ["0s", "1s", "-1s", "1.5s", "-0.000000001s", "315576000000s"]),
  ...each(
    ["timestamp"],
    [
      ...["2030-01-31T12:00:00Z", "2028-02-29T00:00:00Z", "2000-02-29T23:59:59.999999999Z", "0001-01-01T00:00:00Z"],
      ...["9999-12-31T23:59:59.999999999Z", "2030-01-31T12:00:00+02:00", "2030-01-31T12:00:00.1-23:59"],
    ],
  ),
  ...each(["mask"], ["", "a", "title,price.minorUnits"]),
  ...each(["wrapped"], ["5", 5]),
  ...each(["list"], [[], [1, "2"]]),
  ...each([...wholes, ...floats, "bool", "string", "bytes", "word", "duration", "timestamp", "mask", "list"], [null]),
];

const refused: [string, JsonValue][] = [
  ...each(wholes, [
    "",
    " ",
    "0x64",
    "0X1",
    "0b1",
    "0o7",
    "1e1",
    "1E1",
    "1.0",
    ".0",
    "1.",
    "+1",
    " 1",
    "1 ",
    "\n1",
    "01",
  ]),
  ...each(wholes, ["1_0", "1,0", "１", "Infinity", "NaN", "null", "true", "1n", 1.5, true, [], {}, [1]]),
  ...each(wholes, [1e100, "99999999999999999999", "-99999999999999999999", "1".repeat(50_000)]),
  ...each(whole.unsigned, [-1, "-1"]),
  ...each(["int32", "sint32", "sfixed32"], [2147483648, "2147483648", -2147483649]),
  ...each(["uint32", "fixed32"], [4294967296, "4294967296"]),
  ...each(["int64", "sint64", "sfixed64"], ["9223372036854775808", 2 ** 53, 2 ** 60]),
  ...each(["uint64", "fixed64"], ["18446744073709551616", 2 ** 60]),
  ...each(floats, ["", " 1", "0x64", "1.", ".5", "+1", "01", "1e", "infinity", "nan", "1_0", true, {}, []]),
  ...each(["double"], ["1e999"]),
  ...each(["float"], [1e39, "1e39"]),
  ...each(["bool"], ["true", "false", 0, 1, "", {}]),
  ...each(["string"], [1, true, {}, [], "a\ud83d", "\udc00"]),
  ...each(["bytes"], ["Q", "QQ=", "QQ===", "Q Q=", "QQ==\n", "=QQ", "QQ=Q", "é", 1]),
  ...each(["word"], ["one", "", "1", " ONE", "TWO", 1.5, 2147483648, true, {}]),
  ...each(
    ["duration"],
    ["", "1", "s", "1s garbage", "1s ", " 1s", "1 s", "1S", "1m", "1.s", ".5s", "+1s", "1e1s", "0x1s"],
  ),
  ...each(["duration"], ["1.0000000001s", "315576000001s", "--1s", "1s1s", 1, {}, { seconds: "1" }]),
  ...each(
    ["timestamp"],
    [
      ...[
        "",
        "2030-02-30",
        "2030-02-30T00:00:00Z",
        "2030-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2030-04-31T00:00:00Z",
      ],
      ...["2030-13-01T00:00:00Z", "2030-00-01T00:00:00Z", "2030-01-00T00:00:00Z", "2030-01-32T00:00:00Z"],
      ...["2030-01-01T24:00:00Z", "2030-01-01T00:60:00Z", "2030-01-01T00:00:60Z", "2030-01-01T00:00:00"],
      ...["2030-01-01t00:00:00Z", "2030-01-01T00:00:00z", "2030-01-01 00:00:00Z", "2030-01-01T00:00:00Z ", "now"],
      ...[
        "2030-01-01T00:00:00+24:00",
        "2030-01-01T00:00:00+00:60",
        "2030-01-01T00:00:00.1234567890Z",
        "0000-01-01T00:00:00Z",
      ],
      ...["10000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00", "1e3", 1, {}],
    ],
  ),
  ...each(["mask"], [",", "a,", "a,,b", "a b", "a_b", "A", ".a", "a.", "1", 1, ["a"]]),
  ...each(["wrapped"], ["0x5", "", {}]),
  ...each(["list"], [{}, "1", 1, ["0x1"], [null], [[1]]]),
];

test.each(accepted)("%s takes %j", (field, value) => {
  expect(jsonViolations(schema, { [field]: value })).toEqual([]);
  expect(() => fromJson(schema, { [field]: value })).not.toThrow();
});

test.each(refused)("%s refuses %j, with its name", (field, value) => {
  const [violation, ...others] = jsonViolations(schema, { [field]: value });
  expect(violation).toMatchObject({ rule: "type", message: expect.stringMatching(/^must be /) });
  expect(violation?.field.split("[")[0]).toBe(field);
  expect(others).toEqual([]);
  expect(violation?.message.length).toBeLessThan(200);
});

test("a field is named once, in either spelling, and unknown ones are refused or ignored", () => {
  expect(jsonViolations(schema, { in_snake_case: 1 })).toEqual([]);
  expect(jsonViolations(schema, { in_snake_case: 1, inSnakeCase: 2 })).toMatchObject([
    { field: "inSnakeCase", rule: "once" },
  ]);
  expect(jsonViolations(schema, { other: 1 })).toMatchObject([{ field: "other", rule: "unknown" }]);
  expect(jsonViolations(schema, { other: 1 }, { unknown: "ignored", absentMinorUnits: "zero" })).toEqual([]);
});

const generated = { unknown: "ignored", absentMinorUnits: "zero" } as const;

test.each<[JsonValue, string[], string[]]>([
  [{ currencyCode: "EUR", minorUnits: 0 }, [], []],
  [{ currencyCode: "EUR", minorUnits: "0" }, [], []],
  [{ currency_code: "EUR", minor_units: 1 }, [], []],
  [{ currencyCode: "EUR" }, ["price.minorUnits"], []],
  [{}, ["price.minorUnits"], []],
  [{ currencyCode: "EUR", minorUnits: null }, ["price.minorUnits"], ["price.minorUnits"]],
  [{ currencyCode: "EUR", minor_units: null }, ["price.minor_units"], ["price.minor_units"]],
  [{ currencyCode: "EUR", minorUnits: "" }, ["price.minorUnits"], ["price.minorUnits"]],
  [{ currencyCode: "EUR", minorUnits: "0x64" }, ["price.minorUnits"], ["price.minorUnits"]],
  [null, ["price"], ["price"]],
  [5, ["price"], ["price"]],
  [[], ["price"], ["price"]],
])("the price %j breaks the rules for %j, and of generated clients for %j", (price, inRest, inConnect) => {
  const json = { product: { title: "x", price } };
  const names = (found: readonly { field: string }[]) => found.map(({ field }) => field.replace(/^product\./, ""));
  expect(names(jsonViolations(CreateProductRequestSchema, json))).toEqual(inRest);
  expect(names(jsonViolations(CreateProductRequestSchema, json, generated))).toEqual(inConnect);
});

test("an amount by itself is one, too", () => {
  expect(jsonViolations(MoneySchema, { currencyCode: "EUR" })).toMatchObject([
    { field: "minorUnits", rule: "required" },
  ]);
});

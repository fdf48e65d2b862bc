import { type DescEnum, type DescField, type DescMessage, getOption, ScalarType } from "@bufbuild/protobuf";
import { type FieldRules, Ignore, field as rulesOption } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { MoneySchema } from "@sagacart/proto/type/v1/money";
import { type Text, text as textOption } from "@sagacart/proto/type/v1/text";
import type { Schema } from "@sagacart/rest/openapi/schema";
import type { Comments } from "./proto-comments.ts";
import { constraints } from "./rules.ts";

/** Makes schemas of messages, and collects the ones that they refer to as components. */
export class Schemas {
  readonly components: Record<string, Schema> = {};
  readonly #comments: Comments;

  constructor(comments: Comments) {
    this.#comments = comments;
  }

  /** Returns a reference to a message's schema, which is made on first use. */
  refTo(message: DescMessage): Schema {
    const key = keyOf(message);
    if (!(key in this.components)) {
      this.components[key] = {};
      this.components[key] = this.object(message);
    }
    return { $ref: `#/components/schemas/${key}` };
  }

  /** Returns a message's schema, without some of its fields. */
  object(message: DescMessage, without: ReadonlySet<DescField> = new Set()): Schema {
    const fields = message.fields.filter((field) => !without.has(field));
    const required = fields.filter(isRequired).map(({ jsonName }) => jsonName);
    return {
      type: "object",
      ...this.#described(message.typeName),
      properties: Object.fromEntries(fields.map((field) => [field.jsonName, this.field(field)])),
      ...(required.length > 0 ? { required } : {}),
      additionalProperties: false,
    };
  }

  field(field: DescField): Schema {
    const rules = rulesOf(field);
    const about = [this.#comments.get(`${field.parent.typeName}.${field.name}`), this.#wordsOf(field.enum)];
    const description = about.filter((text) => text !== undefined).join("\n\n");
    const described = description === "" ? {} : { description };
    if (field.fieldKind === "map") {
      return { type: "object", ...described };
    }
    if (field.fieldKind !== "list") {
      return { ...this.#value(field), ...constraints(rules, textOf(field)), ...described };
    }
    const items = rules?.type.case === "repeated" ? rules.type.value.items : undefined;
    return {
      type: "array",
      items: { ...this.#value(field), ...constraints(items) },
      ...constraints(rules),
      ...described,
    };
  }

  #value({ scalar, message, enum: values }: DescField): Schema {
    if (values !== undefined) {
      return { type: "string", enum: values.values.map(({ name }) => name) };
    }
    if (message !== undefined) {
      return wellKnown[message.typeName] ?? this.refTo(message);
    }
    return scalars[scalar ?? ScalarType.STRING] ?? { type: "string" };
  }

  /** Lists the values of an enum with their comments. */
  #wordsOf(words: DescEnum | undefined): string | undefined {
    const lines = (words?.values ?? []).flatMap(({ name }) => {
      const comment = this.#comments.get(`${words?.typeName}.${name}`);
      return comment === undefined ? [] : `- \`${name}\`: ${comment}`;
    });
    return lines.length === 0 ? undefined : lines.join("\n");
  }

  #described(name: string): Schema {
    const description = this.#comments.get(name);
    return description === undefined ? {} : { description };
  }
}

/** Returns true if a request without this field is refused. */
export function isRequired(field: DescField): boolean {
  if (field === MoneySchema.field.minorUnits) {
    // A zero that is left out in other messages is refused in an amount.
    return true;
  }
  const rules = rulesOf(field);
  if (rules === undefined || rules.ignore === Ignore.IF_ZERO_VALUE) {
    return false;
  }
  const { minLength, pattern, minItems } = constraints(rules, textOf(field));
  const refusesEmpty =
    (typeof minLength === "number" && minLength > 0) ||
    (typeof minItems === "number" && minItems > 0) ||
    (typeof pattern === "string" && !new RegExp(pattern).test(""));
  return rules.required || (refusesEmpty && field.oneof === undefined);
}

function textOf(field: DescField): Text {
  return getOption(field, textOption);
}

function rulesOf(field: DescField): FieldRules | undefined {
  return field.proto.options === undefined ? undefined : getOption(field, rulesOption);
}

function keyOf({ typeName }: DescMessage): string {
  return typeName.replace(/^sagacart\./, "").replace(/\.v1\./, ".");
}

const wellKnown: Readonly<Record<string, Schema>> = {
  "google.protobuf.Timestamp": { type: "string", format: "date-time" },
  "google.protobuf.Duration": { type: "string", pattern: "^-?[0-9]+(\\.[0-9]{1,9})?s$", examples: ["30s"] },
  "google.protobuf.FieldMask": { type: "string", examples: ["title,price"] },
};

/** A 64-bit integer does not fit a JSON number: answers have text, requests may have either. */
const int64: Schema = { type: ["string", "integer"], format: "int64", pattern: "^-?[0-9]+$" };

const scalars: Readonly<Partial<Record<ScalarType, Schema>>> = {
  [ScalarType.STRING]: { type: "string" },
  [ScalarType.BOOL]: { type: "boolean" },
  [ScalarType.BYTES]: { type: "string", contentEncoding: "base64" },
  [ScalarType.INT32]: { type: "integer", format: "int32" },
  [ScalarType.UINT32]: { type: "integer", minimum: 0 },
  [ScalarType.INT64]: int64,
  [ScalarType.UINT64]: int64,
  [ScalarType.DOUBLE]: { type: "number" },
  [ScalarType.FLOAT]: { type: "number" },
};

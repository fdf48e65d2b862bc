import { type DescEnum, type DescField, type DescMessage, getOption, ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { type FieldRules, Ignore, field as rulesOption } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { MoneySchema } from "@sagacart/proto/type/v1/money";
import { type Text, text as textOption } from "@sagacart/proto/type/v1/text";
import type { Schema } from "@sagacart/rest/openapi/schema";
import type { Comments } from "./proto-comments.ts";
import { constraints } from "./rules.ts";

/** The direction of a message. Answers have schemas of their own: what they have is known, and they may grow. */
export type Direction = "request" | "answer";

/** Makes schemas of messages, and collects the ones that they refer to as components. */
export class Schemas {
  readonly components: Record<string, Schema> = {};
  readonly #comments: Comments;
  readonly #names: Names;

  constructor(comments: Comments, names: Names) {
    this.#comments = comments;
    this.#names = names;
  }

  /** Returns a reference to a message's schema, which is made on first use. */
  refTo(message: DescMessage, direction: Direction): Schema {
    const key = this.#names(message, direction);
    if (!(key in this.components)) {
      this.components[key] = {};
      this.components[key] = this.object(message, direction);
    }
    return { $ref: `#/components/schemas/${key}` };
  }

  /** Returns a message's schema, without some of its fields, and with some that may be left out whatever their rules say. */
  object(
    message: DescMessage,
    direction: Direction,
    without: ReadonlySet<DescField> = new Set(),
    optional?: DescField,
  ): Schema {
    const fields = message.fields.filter((field) => !without.has(field));
    const isNeeded = direction === "answer" ? isAlwaysThere : isRequired;
    const required = fields.filter((field) => field !== optional && isNeeded(field)).map(({ jsonName }) => jsonName);
    return {
      type: "object",
      ...this.#described(message.typeName),
      properties: Object.fromEntries(fields.map((field) => [field.jsonName, this.field(field, direction)])),
      ...(required.length > 0 ? { required } : {}),
      // A newer shop may answer with more.
      ...(direction === "request" ? { additionalProperties: false } : {}),
    };
  }

  field(field: DescField, direction: Direction): Schema {
    const rules = direction === "request" ? rulesOf(field) : undefined;
    const about = [this.#comments.get(`${field.parent.typeName}.${field.name}`), this.#wordsOf(field.enum)];
    const description = about.filter((text) => text !== undefined).join("\n\n");
    const described = description === "" ? {} : { description };
    if (field.fieldKind === "map") {
      return { type: "object", additionalProperties: this.#value(field, direction), ...described };
    }
    if (field.fieldKind !== "list") {
      const limits = direction === "request" ? constraints(rules, textOf(field)) : {};
      return { ...this.#value(field, direction), ...limits, ...described };
    }
    const items = rules?.type.case === "repeated" ? rules.type.value.items : undefined;
    return {
      type: "array",
      items: { ...this.#value(field, direction), ...constraints(items) },
      ...constraints(rules),
      ...described,
    };
  }

  #value({ scalar, message, enum: values }: DescField, direction: Direction): Schema {
    if (values !== undefined) {
      return { type: "string", enum: values.values.map(({ name }) => name) };
    }
    if (message !== undefined) {
      return wellKnown[message.typeName] ?? this.refTo(message, direction);
    }
    if (direction === "answer" && (scalar === ScalarType.INT64 || scalar === ScalarType.UINT64)) {
      return { ...int64, type: "string" };
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

/** Returns true if every answer has this field: answers have empty texts, zeros, empty lists and unset enums too. */
function isAlwaysThere({ fieldKind, message, presence }: DescField): boolean {
  return fieldKind === "list" || fieldKind === "map" || (message === undefined && presence === implicitPresence);
}

const implicitPresence = FeatureSet_FieldPresence.IMPLICIT;

function textOf(field: DescField): Text {
  return getOption(field, textOption);
}

function rulesOf(field: DescField): FieldRules | undefined {
  return field.proto.options === undefined ? undefined : getOption(field, rulesOption);
}

/** The name of a message's component, by its direction. */
export type Names = (message: DescMessage, direction: Direction) => string;

/**
 * Names the components of these messages and of all that they contain: `Order`, or with the domain where several have the
 * name: `StockEvent`. What goes both ways is `ProductInput` in requests.
 */
export function nameComponents(requests: Iterable<DescMessage>, answers: Iterable<DescMessage>): Names {
  const answered = contained(answers);
  const all = new Set([...contained(requests), ...answered]);
  const shortNames = [...all].map(shortName);
  const names = new Map(
    [...all].map((message) => {
      const short = shortName(message);
      const isUnique = shortNames.filter((other) => other === short).length === 1;
      return [message, isUnique ? short : `${domainOf(message)}${short}`] as const;
    }),
  );
  return (message, direction) => {
    const name = names.get(message) ?? `${domainOf(message)}${shortName(message)}`;
    return direction === "request" && answered.has(message) ? `${name}Input` : name;
  };
}

/** Returns the messages, and all messages of their fields. */
function contained(messages: Iterable<DescMessage>, seen = new Set<DescMessage>()): Set<DescMessage> {
  for (const message of messages) {
    if (!seen.has(message) && !(message.typeName in wellKnown)) {
      seen.add(message);
      contained(
        message.fields.flatMap((field) => field.message ?? []),
        seen,
      );
    }
  }
  return seen;
}

/** `BatchPutCartsRequestItem` for the message Item in BatchPutCartsRequest. */
function shortName({ typeName, file }: DescMessage): string {
  return typeName.slice(file.proto.package.length + 1).replaceAll(".", "");
}

function domainOf({ file }: DescMessage): string {
  const domain = file.proto.package.split(".").at(-2) ?? "";
  return domain.charAt(0).toUpperCase() + domain.slice(1);
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

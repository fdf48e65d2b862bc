import { type FieldRules, Ignore } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { Text } from "@sagacart/proto/type/v1/text";

/** Translates a field's rules to JSON Schema, and leaves out those that it cannot express. */
export function constraints(rules: FieldRules | undefined, text: Text = Text.UNSPECIFIED): Record<string, unknown> {
  const type = rules?.type;
  switch (type?.case) {
    case "string":
      return defined({
        pattern: patternOf(type.value.pattern || textPattern(text), rules?.ignore === Ignore.IF_ZERO_VALUE),
        minLength: smaller(type.value.minLen),
        maxLength: smaller(type.value.maxLen),
        format: text === Text.MAILABLE ? "email" : undefined,
        enum: type.value.in.length > 0 ? type.value.in : undefined,
        not: type.value.notIn.length > 0 ? { enum: type.value.notIn } : undefined,
      });
    case "int32":
      return defined({
        minimum: type.value.greaterThan.case === "gte" ? type.value.greaterThan.value : undefined,
        exclusiveMinimum: type.value.greaterThan.case === "gt" ? type.value.greaterThan.value : undefined,
        maximum: type.value.lessThan.case === "lte" ? type.value.lessThan.value : undefined,
        exclusiveMaximum: type.value.lessThan.case === "lt" ? type.value.lessThan.value : undefined,
        not: type.value.notIn.length > 0 ? { enum: type.value.notIn } : undefined,
      });
    case "int64":
      // For numbers; the service checks text by the same rule.
      return defined({
        minimum: type.value.greaterThan.case === "gte" ? Number(type.value.greaterThan.value) : undefined,
        maximum:
          type.value.lessThan.case === "lte" && type.value.lessThan.value < 2n ** 53n
            ? Number(type.value.lessThan.value)
            : undefined,
      });
    case "repeated":
      // Without uniqueItems, of which generators make sets: OpenAPI Generator's Java for a set of enums does not compile.
      return defined({ minItems: smaller(type.value.minItems), maxItems: smaller(type.value.maxItems) });
    default:
      return {};
  }
}

/**
 * Returns a pattern for the shop's own rules of texts, without classes of Unicode, which not all programs that read the
 * document know: the service refuses a little more.
 */
function textPattern(text: Text): string {
  if (text === Text.LINE || text === Text.PLAIN_LINE) {
    return `^(${notControl}*${visible}${notControl}*)?$`;
  }
  return text === Text.NOT_BLANK ? visible : "";
}

const notControl = String.raw`[^\u0000-\u001f\u007f-\u009f\u2028\u2029]`;
const visible = String.raw`[^\s\u0000-\u001f\u007f-\u009f]`;

/** An optional field may be empty, so its pattern has to allow that. */
function patternOf(pattern: string, orEmpty: boolean): string | undefined {
  return pattern === "" ? undefined : orEmpty && !new RegExp(pattern).test("") ? `^$|${pattern}` : pattern;
}

/** Converts a 64-bit limit; 0 means none, since no rule has a maximum of 0. */
function smaller(limit: bigint): number | undefined {
  return limit === 0n ? undefined : Number(limit);
}

function defined(schema: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined));
}

import { type DescField, type DescMessage, getOption, type Message } from "@bufbuild/protobuf";
import { type Path, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { ValidationError, type Validator, Violation } from "@bufbuild/protovalidate";
import { Ignore, field as rulesOf } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { AddressSchema } from "@sagacart/proto/type/v1/address";
import { mostViolations } from "../error-bounds.ts";
import { addressProblems } from "./address-rules.ts";

/**
 * Adds the rules of addresses by country to a validator of the contract: each Address in a message is checked, wherever it
 * is, unless its field is ignored by the contract. The country's rules are a table of the world, which no rule in the
 * contract could hold.
 */
export function withAddressRules(validator: Validator): Validator {
  return {
    validate(schema, message) {
      const result = validator.validate(schema, message);
      if (result.kind !== "valid") {
        return result;
      }
      const violations = violationsIn(schema, message).slice(0, mostViolations);
      return violations.length === 0
        ? result
        : { kind: "invalid", message, error: new ValidationError(violations), violations };
    },
  };
}

function violationsIn(schema: DescMessage, message: Message): Violation[] {
  if (schema === AddressSchema) {
    return violationsOf(reflect(schema, message), []);
  }
  const fields = fieldsWithAddresses(schema);
  return fields.length === 0 ? [] : violationsBelow(reflect(schema, message), []);
}

function violationsBelow(message: ReflectMessage, path: Path): Violation[] {
  return fieldsWithAddresses(message.desc).flatMap((field) => {
    if (!message.isSet(field)) {
      return [];
    }
    if (field.fieldKind === "list" && field.listKind === "message") {
      const items = [...message.get(field)].filter((item): item is ReflectMessage => typeof item === "object");
      return items.flatMap((item, index) => violationsOf(item, [...path, field, { kind: "list_sub", index }]));
    }
    return field.fieldKind === "message" ? violationsOf(message.get(field), [...path, field]) : [];
  });
}

function violationsOf(message: ReflectMessage, path: Path): Violation[] {
  if (message.desc !== AddressSchema) {
    return violationsBelow(message, path);
  }
  const text = (field: "countryCode" | "city" | "region" | "postalCode") =>
    String(message.get(AddressSchema.field[field]));
  const problems = addressProblems({
    countryCode: text("countryCode"),
    city: text("city"),
    region: text("region"),
    postalCode: text("postalCode"),
  });
  return problems.map(
    ({ field, ruleId, message: about }) =>
      new Violation(about, ruleId, [...path, AddressSchema.field[field]], [], false),
  );
}

/** Returns the fields of a message that may hold an address, however deep. */
function fieldsWithAddresses(schema: DescMessage): readonly DescField[] {
  let fields = known.get(schema);
  if (fields === undefined) {
    // A message that contains itself is not searched twice.
    known.set(schema, []);
    fields = schema.fields.filter((field) => !isIgnored(field) && holdsAddress(field));
    known.set(schema, fields);
  }
  return fields;
}

/** One entry for each message of the contract. */
const known = new Map<DescMessage, readonly DescField[]>();

function holdsAddress({ fieldKind, message }: DescField): boolean {
  return (
    (fieldKind === "message" || fieldKind === "list") &&
    message !== undefined &&
    (message.typeName === AddressSchema.typeName || fieldsWithAddresses(message).length > 0)
  );
}

function isIgnored(field: DescField): boolean {
  return getOption(field, rulesOf).ignore === Ignore.ALWAYS;
}

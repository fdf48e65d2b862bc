import { type DescField, type DescMessage, getOption, type Message, ScalarType } from "@bufbuild/protobuf";
import { type Path, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { ValidationError, type Validator, Violation } from "@bufbuild/protovalidate";
import { Ignore, field as rulesOf } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { AddressSchema } from "@sagacart/proto/type/v1/address";
import { text as textOption } from "@sagacart/proto/type/v1/text";
import { addressProblems } from "../address/address-rules.ts";
import { mostViolations } from "../error-bounds.ts";
import { boundedValidator, hasFewValues } from "./bounded-validator.ts";
import { type TextRule, textRuleOf } from "./text-rules.ts";

/**
 * Creates the validator of requests: of the contract's rules, of those for texts, and of addresses by country, wherever in
 * a message they are. The rules of countries are a table of the world, which no contract could hold; they are checked
 * when all else is right.
 *
 * Patterns are matched by the built-in RegExp instead of RE2 in JavaScript: 6.1 instead of 9.3 µs for an item with a few
 * ids. RE2 would guard against catastrophic backtracking, but the patterns are our own contract's: character classes
 * with a count.
 */
export function createContractValidator(): Validator {
  const standard = boundedValidator({ regexMatch });
  return {
    validate(schema, message) {
      const result = standard.validate(schema, message);
      if (result.kind === "error") {
        return result;
      }
      // Of a large message that is refused already, such as one with half a million items, no more is looked at.
      const isLookedAt = result.kind === "valid" || hasFewValues(message);
      const texts = isLookedAt ? violationsIn(schema, message, textViolations) : [];
      const found = [...(result.violations ?? []), ...texts].slice(0, mostViolations);
      const violations =
        found.length > 0 ? found : violationsIn(schema, message, addressViolations).slice(0, mostViolations);
      return violations.length === 0
        ? result
        : { kind: "invalid", message, error: new ValidationError(violations), violations };
    },
  };
}

/** One entry for each pattern in the contract. */
const patterns = new Map<string, RegExp>();

function regexMatch(pattern: string, against: string): boolean {
  let regex = patterns.get(pattern);
  if (regex === undefined) {
    regex = new RegExp(pattern, "u");
    patterns.set(pattern, regex);
  }
  return regex.test(against);
}

/** Returns what is wrong with a message itself, apart from the messages in it. */
type Check = (message: ReflectMessage, plan: Plan, path: Path) => Violation[];

function violationsIn(schema: DescMessage, message: Message, check: Check): Violation[] {
  const plan = planOf(schema);
  return plan.isEmpty ? [] : visit(reflect(schema, message), plan, [], check);
}

function visit(message: ReflectMessage, plan: Plan, path: Path, check: Check): Violation[] {
  const violations = check(message, plan, path);
  for (const { field, plan: inside } of plan.messages) {
    if (!message.isSet(field)) {
      continue;
    }
    if (field.fieldKind === "list") {
      for (const [index, item] of [...message.get(field)].entries()) {
        if (violations.length >= mostViolations) {
          return violations;
        }
        if (isMessage(item)) {
          violations.push(...visit(item, inside, [...path, field, { kind: "list_sub", index }], check));
        }
      }
    } else if (field.fieldKind === "message") {
      violations.push(...visit(message.get(field), inside, [...path, field], check));
    }
  }
  return violations;
}

const textViolations: Check = (message, { texts }, path) =>
  texts
    .filter(({ field, rule }) => message.isSet(field) && !rule.allows(String(message.get(field))))
    .map(({ field, rule }) => new Violation(rule.message, rule.ruleId, [...path, field], [], false));

const addressViolations: Check = (message, { desc }, path) => {
  if (desc !== AddressSchema) {
    return [];
  }
  const text = (field: "countryCode" | "city" | "region" | "postalCode") =>
    String(message.get(AddressSchema.field[field]));
  return addressProblems({
    countryCode: text("countryCode"),
    city: text("city"),
    region: text("region"),
    postalCode: text("postalCode"),
  }).map(
    ({ field, ruleId, message: about }) =>
      new Violation(about, ruleId, [...path, AddressSchema.field[field]], [], false),
  );
};

/** The checks of messages of a type. */
type Plan = {
  readonly desc: DescMessage;
  readonly texts: readonly { readonly field: DescField; readonly rule: TextRule }[];
  readonly messages: readonly { readonly field: DescField; readonly plan: Plan }[];
  /** Nothing, however deep. */
  readonly isEmpty: boolean;
};

/** One entry for each message of the contract. */
const plans = new Map<DescMessage, Plan>();

function planOf(desc: DescMessage): Plan {
  let plan = plans.get(desc);
  if (plan === undefined) {
    // A message that contains itself is not searched twice.
    plans.set(desc, { desc, texts: [], messages: [], isEmpty: true });
    plan = makePlan(desc);
    plans.set(desc, plan);
  }
  return plan;
}

function makePlan(desc: DescMessage): Plan {
  const texts = desc.fields.flatMap((field) => {
    const rule = textRuleOf(getOption(field, textOption));
    return rule !== undefined && isText(field) ? [{ field, rule }] : [];
  });
  const messages = desc.fields.flatMap((field) => {
    const { message } = field;
    const inside = message === undefined || isIgnored(field) ? undefined : planOf(message);
    return inside === undefined || inside.isEmpty ? [] : [{ field, plan: inside }];
  });
  return { desc, texts, messages, isEmpty: desc !== AddressSchema && texts.length === 0 && messages.length === 0 };
}

function isText(field: DescField): boolean {
  return field.fieldKind === "scalar" && field.scalar === ScalarType.STRING;
}

function isIgnored(field: DescField): boolean {
  return getOption(field, rulesOf).ignore === Ignore.ALWAYS;
}

function isMessage(item: unknown): item is ReflectMessage {
  return typeof item === "object";
}

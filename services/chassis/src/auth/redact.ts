import { type DescField, type DescMessage, getOption, type Message } from "@bufbuild/protobuf";
import { isReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { staff_only } from "@sagacart/proto/auth/v1/access";

/**
 * Returns the message without the fields that the contract marks as `(sagacart.auth.v1.staff_only)`, at any depth. The
 * message itself is not changed, since a handler may give one to several callers; what has no such field is not copied.
 */
export function redacted<M extends Message>(desc: DescMessage, message: M): M {
  const plan = planOf(desc);
  return plan === undefined ? message : apply(plan, message);
}

/** The fields to clear, and those whose messages have such fields. */
type Plan = {
  readonly desc: DescMessage;
  readonly hidden: readonly DescField[];
  readonly inside: readonly (readonly [DescField, DescMessage])[];
};

const plans = new WeakMap<DescMessage, { readonly plan: Plan | undefined }>();

/** Returns what is to be cleared in messages of this type; undefined if there is nothing. */
function planOf(desc: DescMessage): Plan | undefined {
  const known = plans.get(desc);
  if (known !== undefined) {
    return known.plan;
  }
  const plan = hidesSomething(desc, new Set()) ? makePlan(desc) : undefined;
  plans.set(desc, { plan });
  return plan;
}

function makePlan(desc: DescMessage): Plan {
  return {
    desc,
    hidden: desc.fields.filter(isHidden),
    inside: desc.fields.flatMap((field) => {
      const type = typeIn(field);
      return !isHidden(field) && type !== undefined && hidesSomething(type, new Set()) ? [[field, type] as const] : [];
    }),
  };
}

/** Returns true if messages of this type have a hidden field, at any depth. `seen` ends the search in recursive types. */
function hidesSomething(desc: DescMessage, seen: Set<DescMessage>): boolean {
  if (seen.has(desc)) {
    return false;
  }
  seen.add(desc);
  return desc.fields.some((field) => {
    const type = typeIn(field);
    return isHidden(field) || (type !== undefined && hidesSomething(type, seen));
  });
}

function isHidden(field: DescField): boolean {
  return getOption(field, staff_only);
}

/** Returns the type of the messages in a field: one, a list or a map of them. */
function typeIn(field: DescField): DescMessage | undefined {
  return field.fieldKind === "enum" || field.fieldKind === "scalar" ? undefined : field.message;
}

function apply<M extends Message>({ desc, hidden, inside }: Plan, message: M): M {
  // Messages may have a prototype with their defaults.
  const copy: M = Object.assign(Object.create(Object.getPrototypeOf(message)), message);
  const fields = reflect(desc, copy);
  for (const field of hidden) {
    fields.clear(field);
  }
  for (const [field, type] of inside) {
    if (!fields.isSet(field)) {
      continue;
    }
    const value: unknown = fields.get(field);
    if (isReflectMessage(value)) {
      fields.set(field, reflect(type, redacted(type, value.message)));
    } else {
      // A list or a map of messages.
      const all: Message[] | Record<string, Message> = Reflect.get<object, string>(copy, field.localName);
      Reflect.set(copy, field.localName, redactedAll(type, all));
    }
  }
  return copy;
}

function redactedAll(type: DescMessage, values: Message[] | Record<string, Message>) {
  return Array.isArray(values)
    ? values.map((item) => redacted(type, item))
    : Object.fromEntries(Object.entries(values).map(([key, item]) => [key, redacted(type, item)]));
}

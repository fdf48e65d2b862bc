import { type DescField, type DescMessage, getOption, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { field as rulesOf } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";

/** A list or map that has more items than the contract allows. */
export type LongList = { readonly field: string; readonly rule: string; readonly message: string };

/**
 * Finds a list or map of a message, however deep, that is longer than the contract allows. It counts, and looks into no
 * list that is too long, so that it costs next to nothing even for a message of half a million items.
 */
export function longListOf(schema: DescMessage, message: Message): LongList | undefined {
  return longIn(reflect(schema, message), "");
}

type Reflected = ReturnType<typeof reflect>;

function longIn(message: Reflected, path: string): LongList | undefined {
  for (const field of message.desc.fields) {
    if (field.fieldKind !== "list" && field.fieldKind !== "map" && field.fieldKind !== "message") {
      continue;
    }
    if (!message.isSet(field)) {
      continue;
    }
    const at = path === "" ? field.name : `${path}.${field.name}`;
    const found = longAt(message, field, at);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}

function longAt(message: Reflected, field: DescField, at: string): LongList | undefined {
  const most = mostItemsOf(field);
  switch (field.fieldKind) {
    case "list": {
      const list = message.get(field);
      if (list.size > most) {
        return { field: at, rule: "repeated.max_items", message: `must have at most ${most} items, not ${list.size}` };
      }
      return field.listKind === "message"
        ? firstOf(list, (item, index) => longIn(item as Reflected, `${at}[${index}]`))
        : undefined;
    }
    case "map": {
      const map = message.get(field);
      if (map.size > most) {
        return { field: at, rule: "map.max_pairs", message: `must have at most ${most} entries, not ${map.size}` };
      }
      return field.mapKind === "message" ? firstOf(map.values(), (item) => longIn(item as Reflected, at)) : undefined;
    }
    case "message":
      return longIn(message.get(field), at);
    default:
      return undefined;
  }
}

function firstOf<T>(items: Iterable<T>, find: (item: T, index: number) => LongList | undefined): LongList | undefined {
  let index = 0;
  for (const item of items) {
    const found = find(item, index++);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}

/** Returns how many items or entries the contract allows in a field. */
export function mostItemsOf(field: DescField): number {
  let most = known.get(field);
  if (most === undefined) {
    const { type } = getOption(field, rulesOf);
    const allowed = type.case === "repeated" ? type.value.maxItems : type.case === "map" ? type.value.maxPairs : 0n;
    most = allowed === 0n ? Number.POSITIVE_INFINITY : Number(allowed);
    known.set(field, most);
  }
  return most;
}

const known = new WeakMap<DescField, number>();

import type { Outcome } from "./plan.ts";

/**
 * The outcomes of a batch as Temporal's history holds them: one letter an order, in the order of the ids that the
 * activity was given. A thousand orders come back in a thousand bytes.
 */
export type Codes = string;

/** How an order ended, for people who look at its batch. Histories from before this was told have "completed" for all. */
export type End = "completed" | "sold out" | "declined" | "cancelled" | "expired" | "skipped";

const letters: Readonly<Record<Exclude<Outcome, "gone">, string>> = { next: "n", waits: "w", undo: "u" };

/** The letters of the outcome "gone". An order is skipped that another workflow owns, or that was final already. */
const endLetters: Readonly<Record<End, string>> = {
  completed: "g",
  "sold out": "s",
  declined: "d",
  cancelled: "c",
  expired: "e",
  skipped: "x",
};

const ends = new Map(Object.entries(endLetters).map(([end, letter]) => [letter, end]));

const outcomes = new Map<string, Outcome>([
  [letters.next, "next"],
  [letters.waits, "waits"],
  [letters.undo, "undo"],
  ...[...ends.keys()].map((letter): [string, Outcome] => [letter, "gone"]),
]);

/** `endOf` says how the order at this index ended, if its outcome is "gone". */
export function encodeOutcomes(list: readonly Outcome[], endOf: (index: number) => End = () => "completed"): Codes {
  return list.map((outcome, index) => (outcome === "gone" ? endLetters[endOf(index)] : letters[outcome])).join("");
}

/** Throws on a letter that is of no outcome: a bug. */
export function decodeOutcomes(codes: Codes): Outcome[] {
  return Array.from(codes, (letter) => {
    const outcome = outcomes.get(letter);
    if (outcome === undefined) {
      throw new Error(`${JSON.stringify(letter)} in ${JSON.stringify(codes)} is not the code of an outcome`);
    }
    return outcome;
  });
}

/** Counts the orders of a batch by how they ended, and says so in a line: `3 orders, 2 completed, 1 declined`. */
export type Tally = {
  /** Counts the orders that ended, of a step's answer. Each order ends once. */
  add(codes: Codes): void;
  handedOver(count: number): void;
  toString(): string;
};

export function createTally(total: number): Tally {
  const counts = new Map<string, number>([...ends.values(), "handed over"].map((end) => [end, 0]));
  const count = (end: string, more: number) => counts.set(end, (counts.get(end) ?? 0) + more);
  return {
    add(codes) {
      for (const letter of codes) {
        const end = ends.get(letter);
        if (end !== undefined) {
          count(end, 1);
        }
      }
    },
    handedOver: (more) => void count("handed over", more),
    toString() {
      const ended = [...counts].filter(([, number]) => number > 0);
      const left = total - ended.reduce((sum, [, number]) => sum + number, 0);
      return [ordersText(total), ...ended.map(([end, number]) => `${number} ${end}`), ...underWay(left)].join(", ");
    },
  };
}

function underWay(count: number): string[] {
  return count > 0 ? [`${count} under way`] : [];
}

export function ordersText(count: number): string {
  return count === 1 ? "1 order" : `${count} orders`;
}

/** Sorts orders by their outcomes. Throws when there is not one outcome for each order: a bug. */
export function sortByOutcome(orderIds: readonly string[], codes: Codes): Readonly<Record<Outcome, string[]>> {
  const decoded = decodeOutcomes(codes);
  if (decoded.length !== orderIds.length) {
    throw new Error(`a step answered ${decoded.length} outcomes for ${orderIds.length} orders`);
  }
  const sorted: Record<Outcome, string[]> = { next: [], waits: [], undo: [], gone: [] };
  for (const [index, orderId] of orderIds.entries()) {
    sorted[decoded[index] ?? "gone"].push(orderId);
  }
  return sorted;
}

import type { Outcome } from "./plan.ts";

/**
 * The outcomes of a batch as Temporal's history holds them: one letter an order, in the order of the ids that the
 * activity was given. A thousand orders come back in a thousand bytes.
 */
export type Codes = string;

const letters: Readonly<Record<Outcome, string>> = { next: "n", waits: "w", undo: "u", gone: "g" };

const outcomes = new Map<string, Outcome>([
  [letters.next, "next"],
  [letters.waits, "waits"],
  [letters.undo, "undo"],
  [letters.gone, "gone"],
]);

export function encodeOutcomes(list: readonly Outcome[]): Codes {
  return list.map((outcome) => letters[outcome]).join("");
}

/** Throws on a letter that is none of the four: a bug. */
export function decodeOutcomes(codes: Codes): Outcome[] {
  return Array.from(codes, (letter) => {
    const outcome = outcomes.get(letter);
    if (outcome === undefined) {
      throw new Error(`${JSON.stringify(letter)} in ${JSON.stringify(codes)} is not the code of an outcome`);
    }
    return outcome;
  });
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

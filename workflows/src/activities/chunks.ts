/** Cuts a list into lists of a total weight of at most `most` each, in the same order. By default an item weighs 1. */
export function chunked<T>(items: readonly T[], most: number, weigh: (item: T) => number = () => 1): T[][] {
  const chunks: T[][] = [];
  let weight = Number.POSITIVE_INFINITY;
  for (const item of items) {
    const itemWeight = weigh(item);
    if (weight + itemWeight > most) {
      chunks.push([]);
      weight = 0;
    }
    chunks.at(-1)?.push(item);
    weight += itemWeight;
  }
  return chunks;
}

/** Cuts a list into lists that each weigh at most `most`, in the same order. An item weighs 1 unless told otherwise. */
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

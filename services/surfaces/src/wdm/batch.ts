/** Writes `n` rows with the ids "0" to n - 1: five thousand per call, three calls at a time. Stops at the first failure. */
export async function putAll(
  n: number,
  put: (ids: readonly string[], options: { timeoutMs: number }) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < n) {
      const first = next;
      next = Math.min(n, first + rowsACall);
      const ids = Array.from({ length: next - first }, (_, index) => String(first + index));
      try {
        await put(ids, { timeoutMs });
      } catch (error) {
        next = n;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: callsUnderWay }, work));
}

const rowsACall = 5_000;
const callsUnderWay = 3;
const timeoutMs = 60_000;

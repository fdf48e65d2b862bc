/** Asks until there is an answer; a minute at most. */
export async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + longestMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) {
      return answer;
    }
    if (Date.now() > end) {
      throw new Error("waited for a minute in vain");
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const longestMs = 60_000;

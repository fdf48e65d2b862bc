/**
 * Waits until all have settled, also when one fails, so that nothing goes on behind the back of who tidies up. The
 * first failure is told at once, to hurry the others, and thrown at the end.
 */
export async function together(tasks: readonly Promise<unknown>[], onFailure: (error: unknown) => void): Promise<void> {
  let failed = false;
  let first: unknown;
  await Promise.all(
    tasks.map(async (task) => {
      try {
        await task;
      } catch (error) {
        if (failed) return;
        failed = true;
        first = error;
        onFailure(error);
      }
    }),
  );
  if (failed) throw first;
}

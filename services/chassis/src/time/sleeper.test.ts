import { expect, test } from "vitest";
import { createSleeper } from "./sleeper.ts";

const long = 60_000;

test("a wake-up ends the sleep under way", async () => {
  using sleeper = createSleeper({ signal: new AbortController().signal });

  const sleeping = sleeper.sleep(long);
  sleeper.wake();

  await sleeping;
});

test("a wake-up before a sleep is not lost, and counts once", async () => {
  using sleeper = createSleeper({ signal: new AbortController().signal });
  sleeper.wake();

  await sleeper.sleep(long);

  let ended = false;
  const second = sleeper.sleep(long).then(() => {
    ended = true;
  });
  await Promise.resolve();
  expect(ended).toBe(false);
  sleeper.wake();
  await second;
});

test("a forgotten wake-up does not end the next sleep", async () => {
  using sleeper = createSleeper({ signal: new AbortController().signal });
  sleeper.wake();
  sleeper.forget();
  const startMs = performance.now();

  await sleeper.sleep(20);

  expect(performance.now() - startMs).toBeGreaterThan(15);
});

test("an abort ends the sleep under way and all that follow", async () => {
  const controller = new AbortController();
  using sleeper = createSleeper({ signal: controller.signal });

  const sleeping = sleeper.sleep(long);
  controller.abort();

  await sleeping;
  await sleeper.sleep(long);
});

test("a subscription wakes it until it is disposed of", async () => {
  const listeners = new Set<() => void>();
  const wake = {
    subscribe(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  {
    using sleeper = createSleeper({ signal: new AbortController().signal, wake });
    const sleeping = sleeper.sleep(long);
    for (const listener of listeners) {
      listener();
    }
    await sleeping;
  }

  expect(listeners.size).toBe(0);
});

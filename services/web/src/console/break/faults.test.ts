import { expect, test } from "vitest";
import { breakTexts } from "./break-texts.ts";
import { faults, runSome } from "./faults.ts";

test.each(["en", "de"] as const)("each fault has a name of its own and says what it does, in %s", (language) => {
  const texts = faults.map(({ key }) => breakTexts[language].faults[key]);
  expect(new Set(texts.map(({ name }) => name)).size).toBe(faults.length);
  expect(texts.every(({ does }) => does !== "")).toBe(true);
  expect(faults.every(({ paymentMethod }) => paymentMethod.startsWith("pm_"))).toBe(true);
});

test.each([
  [0, 5, 0],
  [1, 5, 1],
  [23, 5, 5],
  [3, 1, 1],
])("%d tasks run at most %d at once, each once", async (number, atOnce, most) => {
  let running = 0;
  let seen = 0;
  let ran = 0;
  const results = await runSome(number, {
    atOnce,
    async run() {
      ran++;
      running++;
      seen = Math.max(seen, running);
      await Promise.resolve();
      running--;
      if (ran % 2 === 0) {
        throw new Error("refused");
      }
    },
  });
  expect(ran).toBe(number);
  expect(results).toHaveLength(number);
  expect(seen).toBe(most);
});

import { expect, test } from "vitest";
import { ProgramError } from "../../scripts/program.ts";
import { cachedRender } from "./render-cache.ts";

/** Renders with arguments that no other test has, and counts how often Helm is asked. */
function createRenders() {
  const args = ["template", crypto.randomUUID()];
  const renders = { count: 0 };
  const render = (input: string, answer: () => Promise<string>) =>
    cachedRender(args, input, async () => {
      renders.count += 1;
      return await answer();
    });
  return { renders, render };
}

test("Helm is asked once for the same values, and again for others", async () => {
  const { renders, render } = createRenders();

  expect(await render("{}", async () => "first")).toBe("first");
  expect(await render("{}", async () => "never asked")).toBe("first");
  expect(await render('{"a":1}', async () => "second")).toBe("second");
  expect(renders.count).toBe(2);
});

test("a refusal is kept with its sentence, and any other failure is not", async () => {
  const { renders, render } = createRenders();
  const refuse = async () => {
    throw new ProgramError("helm ended with 1: Error: stock.port is 1");
  };

  await expect(render("refused", refuse)).rejects.toThrow("Error: stock.port is 1");
  await expect(render("refused", async () => "rendered")).rejects.toThrow("Error: stock.port is 1");
  expect(renders.count).toBe(1);

  const fail = () => Promise.reject(new Error("helm was killed"));
  await expect(render("failed", fail)).rejects.toThrow("helm was killed");
  expect(await render("failed", async () => "rendered")).toBe("rendered");
});

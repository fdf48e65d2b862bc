import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { brokenCharge, otherWorkflowCode } from "./worker-images.ts";

const sources = new URL("../../workflows/src/", import.meta.url);

test.for([...otherWorkflowCode, ...brokenCharge])(
  "workflows/src/$file has the text to change",
  async ({ file, from }) => {
    expect(await readFile(new URL(file, sources), "utf8")).toContain(from);
  },
);

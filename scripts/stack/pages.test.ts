import { mkdir, mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { removeOldBuilds } from "./pages.ts";

test("the builds that were used last are kept, and one that is under way", async () => {
  const folder = await mkdtemp(join(tmpdir(), "pages-"));
  const hoursAgo = { a: 5, b: 1, c: 4, d: 2, e: 3, "f.1.new": 0, "g.2.new": 2 };
  for (const [name, hours] of Object.entries(hoursAgo)) {
    await mkdir(join(folder, name));
    const time = new Date(Date.now() - hours * 3_600_000);
    await utimes(join(folder, name), time, time);
  }
  await removeOldBuilds(folder);
  expect((await readdir(folder)).sort()).toEqual(["b", "d", "e", "f.1.new"]);
  await rm(folder, { recursive: true });
});

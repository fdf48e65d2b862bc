import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { cloneFolder } from "../../scripts/clone.ts";
import { cellsOf } from "../../scripts/docs/markdown.ts";
import { expand, type SecretKey, usedSecrets } from "./used-secrets.ts";

type Row = { readonly secrets: readonly string[]; readonly keys: readonly string[]; how: string; steps: string };

const howTo = readFileSync(join(cloneFolder, "k8s/rotation.md"), "utf8");
const rows = howTo
  .split("\n")
  .filter((line) => /^\| [^|]+\|[^|]+\|[^|]+\|[^|]+\|$/.test(line) && !/^\| (Secret|---) /.test(line))
  .map((line): Row => {
    const [secrets = "", keys = "", how = "", steps = ""] = cellsOf(line);
    return { secrets: expand(secrets), keys: keys.split(", "), how, steps };
  });

function rowsOf({ secret, key }: SecretKey): Row[] {
  return rows.filter(
    ({ secrets, keys }) => secrets.includes(secret) && (keys.includes("*") || key === "*" || keys.includes(key)),
  );
}

let used: readonly SecretKey[];
// Renders every variant, which takes a busy machine its time.
beforeAll(async () => {
  used = await usedSecrets();
}, 300_000);

test("the way to rotate each key of each Secret that the charts use or the installer creates is told once", () => {
  const told = used.map((key) => ({ ...key, rows: rowsOf(key).length }));
  const unknown = told.filter((one) => one.rows === 0 || (one.key !== "*" && one.rows !== 1));

  expect([...new Set(unknown.map((one) => `${one.secret} ${one.key}: ${one.rows} rows`))].toSorted()).toEqual([]);
  expect(new Set(used.map(({ secret }) => secret)).size).toBeGreaterThan(20);
});

test("each row of the table is of a Secret that exists, and links to a heading of the page", () => {
  const headings = [...howTo.matchAll(/^## (.*)$/gm)].map(([, text = ""]) =>
    text
      .toLowerCase()
      .replaceAll(/[^a-z0-9 -]/g, "")
      .replaceAll(" ", "-"),
  );

  const stale = rows.filter((row) => !used.some((key) => rowsOf(key).includes(row)));
  expect(stale).toEqual([]);
  for (const { how, steps, secrets } of rows) {
    expect(["two", "restart", "operator"], secrets.join()).toContain(how);
    expect(headings, secrets.join()).toContain(/\(#([^)]+)\)/.exec(steps)?.[1]);
  }
});

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { cloneFolder } from "../../scripts/clone.ts";
import { cellsOf, tableBelow } from "../../scripts/docs/markdown.ts";
import { expand, type SecretKey, usedSecrets } from "./used-secrets.ts";

type Row = {
  readonly secrets: readonly string[];
  readonly keys: readonly string[];
  readonly heldBy: string;
  readonly how: string;
  readonly steps: string;
};

const howTo = readFileSync(join(cloneFolder, "docs/operations/rotation.md"), "utf8");
const rows = howTo
  .split("\n")
  .filter((line) => /^\| (?:[^|]+\|){5}$/.test(line) && !/^\| (Secret|---) /.test(line))
  .map((line): Row => {
    const [secrets = "", keys = "", heldBy = "", how = "", steps = ""] = cellsOf(line);
    return { secrets: expand(secrets), keys: keys.split(", "), heldBy, how, steps };
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

  expect(rows.length).toBeGreaterThan(15);
  const stale = rows.filter((row) => !used.some((key) => rowsOf(key).includes(row)));
  expect(stale).toEqual([]);
  for (const { how, steps, secrets } of rows) {
    expect(["two", "restart", "operator"], secrets.join()).toContain(how);
    expect(headings, secrets.join()).toContain(/\(#([^)]+)\)/.exec(steps)?.[1]);
  }
});

test("each section tells how to see that the rotation is done", () => {
  const sections = howTo.split(/^## /m).slice(2);
  const without = sections.filter((section) => !/\bDone when /.test(section));

  expect(sections.length).toBeGreaterThan(8);
  expect(without.map((section) => section.split("\n", 1)[0])).toEqual([]);
});

test("both pages name the same holders of each secret", () => {
  const keys = readFileSync(join(cloneFolder, "docs/security/keys.md"), "utf8");
  const holders = new Map(
    tableBelow(keys, "In Kubernetes Secrets").flatMap(([secret = "", key = "", , , , heldBy = ""]) =>
      key.split(", ").map((one) => [`${secret} ${one}`, heldBy] as const),
    ),
  );
  const named = readFileSync(join(cloneFolder, "docs/operations/rotation.md"), "utf8");

  for (const [secret = "", key = "", heldBy] of tableBelow(named, "All secrets").slice(1)) {
    for (const one of key.split(", ")) {
      expect([secret, one, holders.get(`${secret} ${one}`)]).toEqual([secret, one, heldBy]);
    }
  }
});

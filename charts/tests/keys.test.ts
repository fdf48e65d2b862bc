import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { cloneFolder } from "../../scripts/clone.ts";
import { tableBelow } from "../../scripts/docs/markdown.ts";
import type { Manifest } from "./render.ts";
import { expand, renderedObjects, type SecretKey, usedSecrets } from "./used-secrets.ts";

const page = readFileSync(join(cloneFolder, "docs/security/keys.md"), "utf8");

/** Returns the cells of the rows of a section's table, without its head. */
const rowsOf = (heading: string) => tableBelow(page, heading).slice(1);

const secretRows = rowsOf("In Kubernetes Secrets").map(([secrets = "", keys = "", ...rest]) => ({
  secrets: expand(secrets),
  keys: keys.split(", "),
  rest,
}));

function rowsFor({ secret, key }: SecretKey) {
  return secretRows.filter(
    ({ secrets, keys }) => secrets.includes(secret) && (keys.includes("*") || key === "*" || keys.includes(key)),
  );
}

let objects: readonly Manifest[];
let used: readonly SecretKey[];
// Renders every variant, which takes a busy machine its time.
beforeAll(async () => {
  objects = await renderedObjects();
  used = await usedSecrets();
}, 300_000);

test("docs/security/keys.md has each key of each Secret that the charts use or the installer creates, once", () => {
  const wrong = used
    .map((key) => ({ ...key, rows: rowsFor(key).length }))
    .filter((one) => one.rows === 0 || (one.key !== "*" && one.rows !== 1));
  expect([...new Set(wrong.map((one) => `${one.secret} ${one.key}: ${one.rows} rows`))].toSorted()).toEqual([]);
});

test("each of its rows is of a Secret that exists, and is complete", () => {
  expect(secretRows.filter((row) => !used.some((key) => rowsFor(key).includes(row)))).toEqual([]);
  for (const { secrets, rest } of secretRows) {
    // Kind, algorithm, use, holders, longest use, and what to do when it has leaked.
    expect(rest.length, secrets.join()).toBe(6);
    expect(rest.filter((cell) => cell === "")).toEqual([]);
    expect(rest.at(-1), secrets.join()).toMatch(/^(?:\[[^\]]+\]\(#[^)]+\)|not secret)$/);
  }
});

test("the key, the days and the renewal of each certificate are those of cert-manager's objects", () => {
  const temporal = parseAllDocuments(readFileSync(join(cloneFolder, "k8s/temporal/tls-prod.yaml"), "utf8"));
  const all: Manifest[] = [...objects, ...temporal.map((document) => document.toJS())];
  const actual = new Map(
    all
      .filter((object) => object?.kind === "Certificate" && object.spec.secretName.match(/^(?:sagacart|temporal)-/))
      .map(({ spec }) => [
        spec.secretName as string,
        [
          `${spec.privateKey.algorithm} P-${spec.privateKey.size}`,
          spec.privateKey.rotationPolicy === "Always" ? "new each time" : "kept",
          String(Number.parseInt(spec.duration, 10) / 24),
          spec.renewBefore === undefined ? "" : String(Number.parseInt(spec.renewBefore, 10) / 24),
        ].join(", "),
      ]),
  );
  const documented = rowsOf("Certificates").flatMap(([secrets = "", , key = "", days = "", before = ""]) =>
    expand(secrets).map((secret) => [secret, `${key}, ${days}, ${before}`] as const),
  );
  expect(actual.size).toBeGreaterThan(10);
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(actual));
});

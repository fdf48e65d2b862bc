import { existsSync, globSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { cloneFolder } from "../clone.ts";
import { columnsPage, levels } from "./columns.ts";
import { cellsOf, tableBelow } from "./markdown.ts";
import { read, sourcesOf } from "./source.ts";

const page = read("docs/security/data.md");

/** Returns the cells of the rows of a section's table, its head included. */
const tableIn = (heading: string) => tableBelow(page, heading);

function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}

test("each level has a section, and an answer to each requirement", () => {
  for (const level of levels) {
    expect(page.toLowerCase()).toContain(`\n## ${level}\n`);
  }
  const [head = [], ...rows] = tableIn("Requirements");
  expect(head.slice(1)).toEqual([...levels]);
  expect(rows.length).toBeGreaterThan(10);
  expect(rows.filter((cells) => cells.length !== levels.length + 1 || cells.includes(""))).toEqual([]);
});

test("each requirement names where it is met, and a test that exists", () => {
  const [, ...rows] = tableIn("Where each requirement is met");
  expect(rows.length).toBeGreaterThan(15);
  // What only the owner of the cluster can do.
  const operators = rows.filter(([, , tests]) => tests === "–").map(([requirement]) => requirement);
  expect(operators).toEqual(["encrypted volumes and backups"]);
  const files = rows.flatMap(([, where = "", tests = ""]) => quoted(where).concat(quoted(tests)));
  expect(files.filter((path) => path.includes("/") && !existsSync(join(cloneFolder, path)))).toEqual([]);
});

test("the variables that it names exist", () => {
  const configuration = read("docs/configuration.md");
  const named = quoted(page).filter((code) => /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/.test(code));
  expect(named.filter((name) => !configuration.includes(`| \`${name}\` |`))).toEqual([]);
});

describe("docs/security/columns.md", () => {
  const rows = new Map(
    columnsPage()
      .split("\n## ")
      .slice(1)
      .flatMap((section) => {
        const [service = "", ...lines] = section.split("\n");
        return lines
          .filter((line) => /^\| (?!table |---)/.test(line))
          .map((line) => {
            const [table = "", ...cells] = cellsOf(line);
            const columns = cells.flatMap((cell) => cell.split(",").map((name) => name.trim()));
            return [`${service}.${table}`, columns.filter((name) => name !== "").toSorted()] as const;
          });
      }),
  );

  test.each(globSync("services/*/schema.sql", { cwd: cloneFolder }).toSorted())("has each column of %s", (file) => {
    const [, service = ""] = file.split("/");
    const tables = [...read(file).matchAll(/^create table (\w+) \(\n([\s\S]*?)\n\)/gm)];
    expect(tables.length).toBeGreaterThan(3);
    for (const [, table = "", body = ""] of tables.filter(([, name]) => name !== "schema_migrations")) {
      const columns = body
        .split("\n")
        .filter((line) => /^ {2}(?!constraint )\S/.test(line))
        .map((line) => line.trim().split(" ")[0]?.replaceAll('"', "") ?? "");
      expect([table, rows.get(`${service}.${table}`)]).toEqual([table, columns.toSorted()]);
    }
  });
});

test("the labels of all metrics are listed, so that none has the data of a person", () => {
  const carried = tableIn("What is carried outside of databases");
  const listed = quoted(carried.find(([carrier]) => carrier === "metrics")?.[1] ?? "");
  const used = [...sourcesOf("services"), ...sourcesOf("workflows/src")].flatMap(([, text]) =>
    [...text.matchAll(/\b(?:labelNames|labels): \[([^\]]*)\]/g)].flatMap(([, names = ""]) =>
      [...names.matchAll(/"(\w+)"/g)].map(([, name = ""]) => name),
    ),
  );
  expect(listed).toEqual([...new Set(used)].toSorted());
});

describe("the recorded workflows carry ids, states and codes", () => {
  test.each(globSync("workflows/histories/*.json", { cwd: cloneFolder }).toSorted())("%s", (file) => {
    const texts = textsIn(JSON.parse(read(file)));
    expect(texts.length).toBeGreaterThan(3);
    expect(texts.filter((text) => !isIdOrCode(text))).toEqual([]);
  });
});

/** A text of the worker's own: what the synthetic checkout found. */
const synthetic = /^the synthetic orders ended as they must, in try \d+$/;

/** An id, a word, a number or a time; neither a name, nor an address, nor an e-mail address. */
function isIdOrCode(text: string): boolean {
  return /^[\w.:+-]{0,80}$/.test(text) || synthetic.test(text);
}

/** Returns the texts in all payloads of a history: its inputs, results, signals, queries and markers. */
function textsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(textsIn);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) =>
    name === "data" && typeof inner === "string"
      ? leavesOf(JSON.parse(Buffer.from(inner, "base64").toString()))
      : textsIn(inner),
  );
}

function leavesOf(value: unknown): string[] {
  if (typeof value !== "object" || value === null) return [String(value)];
  return Object.entries(value).flatMap(([name, inner]) => [name, ...leavesOf(inner)]);
}

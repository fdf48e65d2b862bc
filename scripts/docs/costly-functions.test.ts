import { existsSync } from "node:fs";
import { join } from "node:path";
import { type DescField, type DescMethod, getOption } from "@bufbuild/protobuf";
import { field as rulesOf } from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import { expect, test } from "vitest";
import { cloneFolder } from "../clone.ts";
import { contract } from "./authorization.ts";
import { cellsOf } from "./markdown.ts";
import { read } from "./source.ts";

/** The cells of each row of docs/security/costly-functions.md, below the headings of its two tables. */
const rows = read("docs/security/costly-functions.md")
  .split("\n")
  .filter((line) => /^\| (?!cost |function |---)/.test(line))
  .map(cellsOf);
const functions = rows.filter((cells) => cells.length === 6);

/** The names in the column of methods: those of the contract, which may end in `*`, and routes. */
const named = functions.flatMap(([, methods = ""]) => quoted(methods));

function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
}

function isNamed(method: DescMethod): boolean {
  return named.some((name) => (name.endsWith("*") ? method.name.startsWith(name.slice(0, -1)) : method.name === name));
}

/** Returns why a method may cost much, by the form of its messages; undefined if it does not. */
function costOf({ methodKind, input }: DescMethod): string | undefined {
  if (methodKind !== "unary") return "it streams";
  if (input.fields.some(({ name }) => name === "page_size")) return "it has pages";
  return input.fields.some((field) => mostItems(field) >= 100) ? "it takes long lists" : undefined;
}

function mostItems(field: DescField): number {
  if (field.fieldKind !== "list") return 0;
  const { type } = getOption(field, rulesOf);
  const most = type.case === "repeated" ? type.value.maxItems : undefined;
  // A list without a limit is as long as a message may be.
  return most === undefined || most === 0n ? Number.POSITIVE_INFINITY : Number(most);
}

test("docs/security/costly-functions.md names each method that streams, has pages or takes long lists", async () => {
  const { services } = await contract();
  const costly = services
    .flatMap(({ methods }) => methods)
    .map((method) => ({ method, cost: costOf(method) }))
    .filter(({ cost }) => cost !== undefined);
  expect(costly.length).toBeGreaterThan(40);
  expect(costly.filter(({ method }) => !isNamed(method)).map(({ method, cost }) => `${method.name}: ${cost}`)).toEqual(
    [],
  );
});

test("every method that it names exists", async () => {
  const { services } = await contract();
  const all = services.flatMap(({ methods }) => methods.map(({ name }) => name));
  const unknown = named
    .filter((name) => /^[A-Z]/.test(name))
    .filter((name) => !all.some((one) => (name.endsWith("*") ? one.startsWith(name.slice(0, -1)) : one === name)));
  expect(unknown).toEqual([]);
});

test("each row says what bounds the cost, by variables that exist, and names a test that exists", () => {
  const variables = read("docs/configuration.md");
  expect(rows.length).toBeGreaterThan(25);
  for (const cells of rows) {
    const [bound = "", names = "", tests = ""] = cells.slice(-3);
    expect(bound, cells[0]).not.toBe("");
    expect(
      quoted(names).filter((name) => !variables.includes(`| \`${name}\` |`)),
      cells[0],
    ).toEqual([]);
    expect(quoted(tests).length, cells[0]).toBeGreaterThan(0);
    expect(
      quoted(tests).filter((path) => !existsSync(join(cloneFolder, path))),
      cells[0],
    ).toEqual([]);
  }
});

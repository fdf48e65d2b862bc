import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const services = new URL("../../../", import.meta.url);

test("the table of request ids is the same in each service that has one", () => {
  const tables = readdirSync(services)
    .map((name) => new URL(`${name}/schema.sql`, services))
    .filter((file) => existsSync(file))
    .map((file) => readFileSync(file, "utf8"))
    .filter((schema) => schema.includes("create table requests ("))
    .map((schema) =>
      schema.split("\n\n").filter((statement) => /\brequests[ _(]/.test(statement.split("\n")[0] ?? "")),
    );

  expect(tables).toHaveLength(5);
  expect(tables[0]).toHaveLength(2);
  expect(new Set(tables.map((statements) => statements.join("\n\n"))).size).toBe(1);
});

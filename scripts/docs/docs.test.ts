import { expect, test } from "vitest";
import { chartTable } from "./chart-table.ts";
import { configurationPage } from "./configuration.ts";
import { anchorsOf, errorsPage } from "./errors.ts";
import { read, sourcesOf } from "./source.ts";
import { valuesPage } from "./values.ts";

/** The error domains of packages without one of their own. */
const domains: Readonly<Record<string, string>> = {
  chassis: "order",
  outbox: "order",
  privacy: "order",
  provider: "order",
  rest: "gateway",
  surfaces: "gateway",
};

test("docs/errors.md has an anchor for each reason that a service throws", () => {
  const anchors = anchorsOf(errorsPage());
  const missing = [...sourcesOf("services")].flatMap(([file, text]) => {
    const [, service = ""] = file.split("/");
    const domain = `${domains[service] ?? service}.sagacart`;
    const thrown = [
      ...text.matchAll(/new DomainError\(\s*\w*[rR]easons,\s*"(\w+)"/g),
      ...text.matchAll(/new EdgeError\(\s*"(\w+)"/g),
    ];
    return thrown.map(([, reason = ""]) => `${domain}/${reason}`).filter((anchor) => !anchors.has(anchor));
  });
  expect(missing).toEqual([]);
});

test("docs/configuration.md has each variable of a configuration", () => {
  const page = configurationPage();
  const variables = [...sourcesOf("services"), ...sourcesOf("workflows/src")].flatMap(([, text]) =>
    [
      ...text.matchAll(
        /^\s{6}([A-Z][A-Z0-9_]+): (?:optional\()?(?:text|int|port|url|flag|secret|list|oneOf|durationMs)\(/gm,
      ),
    ].map(([, name = ""]) => name),
  );
  expect(variables.filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

test("docs/values.md has each value of both charts, and the charts the table of the parts", () => {
  expect(read("docs/values.md")).toBe(valuesPage());
  expect(read("charts/service/templates/_table.tpl")).toBe(chartTable());
});

import { expect, test } from "vitest";
import { configurationPage } from "./configuration.ts";
import { anchorsOf, errorsPage } from "./errors.ts";
import { sourcesOf } from "./source.ts";

test("each reason that a service throws has an anchor under its domain", () => {
  const anchors = anchorsOf(errorsPage());
  const missing = [...sourcesOf("services")].flatMap(([file, text]) => {
    const [, service = ""] = file.split("/");
    const domain = `${domains.get(service) ?? service}.sagacart`;
    const thrown = [
      ...text.matchAll(/new DomainError\(\s*\w*[rR]easons,\s*"(\w+)"/g),
      ...text.matchAll(/new EdgeError\(\s*"(\w+)"/g),
    ];
    return thrown.map(([, reason = ""]) => `${domain}/${reason}`).filter((anchor) => !anchors.has(anchor));
  });
  expect(missing).toEqual([]);
});

/** The domain that a package's reasons have, where it is not its own: one of any service's, or REST's. */
const domains = new Map([
  ...["chassis", "outbox", "provider"].map((name) => [name, "order"] as const),
  ...["rest", "surfaces"].map((name) => [name, "gateway"] as const),
]);

test("each variable that a configuration has is on the page", () => {
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

import { expect, test } from "vitest";
import { tableBelow } from "./markdown.ts";
import { read } from "./source.ts";

const page = read("docs/test-methods.md");
const card = "services/payment/src/card-provider/fake";
const carrier = "services/shipping/src/carrier/fake";

/** Returns the rows of a table of the page by the code in their first cell; those in words are left out. */
function rowsOf(heading: string): Map<string, string[]> {
  return new Map(
    tableBelow(page, heading).flatMap((cells) => {
      const [, code] = /^`(.+)`$/.exec(cells[0] ?? "") ?? [];
      return code === undefined ? [] : [[code, cells] as const];
    }),
  );
}

const methods = rowsOf("Payment methods");
const postalCodes = rowsOf("Postal codes");

/** Returns the cases of a fake, by what they match, with the behaviour that each returns. */
function casesOf(file: string): Map<string, string> {
  return new Map(
    [...read(file).matchAll(/case "(\w+)":\s+return (.*);/g)].map(([, name = "", value = ""]) => [name, value]),
  );
}

test("docs/test-methods.md has each payment method of the simulated card provider, and no other", () => {
  const [, prefixes = ""] = /refusingMethod = \/\^pm_\(([a-z|]+)\)_/.exec(read(`${card}/faults.ts`)) ?? [];
  const patterns = prefixes.split("|").map((call) => `pm_${call}_REASON`);
  expect([...methods.keys()].sort()).toEqual([...casesOf(`${card}/faults.ts`).keys(), ...patterns].sort());
});

test("it has each postal code of the simulated carrier, and no other", () => {
  expect([...postalCodes.keys()]).toEqual([...casesOf(`${carrier}/faults.ts`).keys()]);
});

test.each([
  ["the checkout page", "services/web/src/shop/payment-methods.ts"],
  ["the page Break it", "services/web/src/console/break/faults.ts"],
])("it has what %s offers", (_, file) => {
  const text = read(file);
  const offered = [
    ...[...text.matchAll(/"(pm_\w+)"/g)].map(([, id = ""]) => methods.has(id) || id),
    ...[...text.matchAll(/postalCode: "(0\d+)"/g)].map(([, code = ""]) => postalCodes.has(code) || code),
  ];
  expect(offered.length).toBeGreaterThan(7);
  expect(offered.filter((found) => found !== true)).toEqual([]);
});

test.each([
  ["card provider", methods, card],
  ["carrier", postalCodes, carrier],
] as const)("it says the reasons and times of the simulated %s", (_, rows, folder) => {
  const defaults = new Map(
    [...read(`${folder}/main.ts`).matchAll(/([A-Z]+)_MS: durationMs\(([\d_]+)\)/g)].map(([, name = "", ms = ""]) => [
      name.toLowerCase(),
      `${Number(ms.replaceAll("_", "")) / 1_000} s`,
    ]),
  );
  for (const [name, behaviour] of casesOf(`${folder}/faults.ts`)) {
    const [, what = "", becomes = ""] = rows.get(name) ?? [];
    const [, refusal] = /refusal: "(\w+)"/.exec(behaviour) ?? [];
    const [, time] = /(slow|late|overdue)Ms/.exec(behaviour) ?? [];
    expect([name, what]).toEqual([name, expect.stringContaining(refusal === undefined ? "" : `\`${refusal}\``)]);
    expect([name, what]).toEqual([
      name,
      expect.stringContaining(time === undefined ? "" : (defaults.get(time) ?? "?")),
    ]);
    expect([name, becomes.startsWith("`COMPLETED`")]).toEqual([name, refusal === undefined]);
  }
});

test("it has each call of the card provider's dashboard", () => {
  const calls = tableBelow(page, "What happens at the providers").map(([call = ""]) => call.replace("`provider ", ""));
  const served = read(`${card}/server.ts`);
  for (const call of ["refunds", "disputes", "faults"]) {
    expect(served).toContain(`dashboard\\/${call}`);
    expect(calls.filter((shown) => shown.startsWith(`${call}/`))).not.toEqual([]);
  }
  const kinds = [...served.matchAll(/dashboard\\\/(\w+)/g)].map(([, kind = ""]) => kind);
  expect([...new Set(kinds)].sort()).toEqual(["disputes", "faults", "refunds"]);
});

test("each row of a method or a postal code can be tried with a command that asks for it", () => {
  for (const [name, [, , , command = ""]] of [...methods, ...postalCodes]) {
    const asked = name.replace("REASON", "");
    expect([name, command]).toEqual([name, expect.stringMatching(new RegExp(`^\`buy .*${asked}`))]);
  }
});

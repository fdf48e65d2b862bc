import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { phrasesOf, readCatalogues } from "./console-catalogues.ts";
import { literalTexts } from "./literal-texts.ts";

const folder = join(import.meta.dirname, "..", "src", "console");
const catalogues = await readCatalogues();
const phrases = catalogues.flatMap(({ file, ...texts }) => phrasesOf(texts).map((phrase) => ({ file, ...phrase })));

/** Texts that are the same in both languages: names, abbreviations, and words that German has taken over. */
const sameInBoth = new Set([
  ...["Journal", "Name", "SKU", "Status", "URL", "Version", "Workflow", "Browser", "Support", "ok"],
  // Words of the contract and of tracing, which German technicians use as they are.
  ...[
    "Consumer",
    "Position",
    "Message-ID",
    "Span",
    "webhook",
    "Webhook",
    "webhooks",
    "Text",
    "Webhook {0}: {1}",
    "Median",
    "median",
    "99 %",
    "Id",
    "Mail {0}",
  ],
]);

test("there are catalogues, each with texts", () => {
  expect(catalogues.length).toBeGreaterThan(10);
  expect(catalogues.filter((texts) => phrasesOf(texts).length === 0)).toEqual([]);
});

test("both languages have the same texts, and none is empty", () => {
  expect(phrases.filter(({ en = "", de = "" }) => en.trim() === "" || de.trim() === "")).toEqual([]);
});

test("both languages of a text show the same of what they are given", () => {
  // The form for one may do without its number.
  const placeholders = (key: string, text = "") =>
    text.match(key.endsWith(".one") ? /\{\d\}/g : /\{\d\}|#/g)?.toSorted();
  expect(phrases.filter(({ key, en, de }) => `${placeholders(key, en)}` !== `${placeholders(key, de)}`)).toEqual([]);
});

test("a text is the same in both languages only where it is listed", () => {
  const same = phrases.filter(({ en, de }) => en === de && /\p{L}/u.test((en ?? "").replaceAll(/\{\d\}/g, "")));
  expect([...new Set(same.map(({ en }) => en))].filter((text) => !sameInBoth.has(text ?? ""))).toEqual([]);
});

test("each German sentence about a failure is for a reason that there is", async () => {
  const { failureSentences } = await import(join(folder, "failure-sentences.ts"));
  const reasons = Object.keys(failureSentences.de);
  const documented = readFileSync(join(import.meta.dirname, "..", "..", "..", "docs", "errors.md"), "utf8");
  expect(reasons.length).toBeGreaterThan(50);
  expect(reasons.filter((reason) => !documented.includes(`\`${reason}\``))).toEqual([]);
});

test.each([
  [`<T>Some text</T>`, ["Some text"]],
  [`<>Some text</>`, ["Some text"]],
  [`<T>{"text"}</T>`, ["text"]],
  [`<T>{isOpen ? "open" : text.closed}</T>`, ["open"]],
  [`<T>{count > 0 && "some"}</T>`, ["some"]],
  [`<T>{\`\${count} spans\`}</T>`, ["spans"]],
  [`<T title="Order" />`, ["Order"]],
  [`<T label={"Order"} />`, ["Order"]],
  [`<T aria-label={\`Reading \${label}\`} />`, ["Reading"]],
  [`<T placeholder="search" />`, ["search"]],
  [`const columns = [{ head: "State" }]`, ["State"]],
  [`const fields = [{ name: 'amount', label: \`Amount in \${currency}\` }]`, ["Amount in"]],
  [`throw new Error("it went wrong")`, ["it went wrong"]],
  [`const note = \`\${count} are left\``, ["are left"]],
])("a text in the code is found: %s", (source, texts) => {
  expect(literalTexts("page.tsx", source).map(({ text }) => text)).toEqual(texts);
});

test.each([
  `<T>{text.title}</T>`,
  `<T>{" "}</T>`,
  `<T>{state === "open" ? text.open : text.closed}</T>`,
  `<T>{\`\${count} × \${title}\`}</T>`,
  `<T size="sm" color="red" name="amount" label={text.amount} />`,
  `<T label={wordOf("OPEN")} />`,
  `const columns = [{ head: text.state, cell: ({ state }) => state }]`,
  `import { useTexts } from "../i18n/language.tsx"`,
  `const kind: "text" | "area" = "area"`,
])("code without a text is not found: %s", (source) => {
  expect(literalTexts("page.tsx", source)).toEqual([]);
});

/** Texts in the code that are right there, each with the reason. */
const allowed = new Map([
  // The name of the product, in titles.
  ["layout.tsx", ["· Sagacart"]],
  ["list.tsx", ["· Sagacart"]],
  // How the launcher says that a process has ended well.
  ["audits/last-audit.tsx", ["exit code 0"]],
  // The page shows its sentence about a shop that cannot be reached in its place.
  ["rest-call.ts", ["the shop did not answer within"]],
  // Keys of entries, which nobody sees.
  ["timeline.ts", ["order refund", "reservation ends"]],
  // A command for a shell, which is the same in every language.
  ["audits/audit-state.ts", ["create job --from=cronjob/"]],
  // The address of a test order, which a simulated carrier reads.
  ["break/break-page.tsx", ["1 Main Street"]],
  // A fault of the page's own code, which no person can cause.
  ["outgoing/feed-transport.ts", ["is not called from here", "is not called from here"]],
]);

test("no part of the console has a text that is not in a catalogue", () => {
  const files = globSync("**/*.{ts,tsx}", { cwd: folder }).filter((file) => !/(?:\.test|-texts)\.ts$/.test(file));
  // German words by the contract's own names, for which English needs none.
  const code = files.filter((file) => file !== "enum-words.ts" && file !== "failure-sentences.ts");
  const found = code.map((file): [string, readonly string[]] => [
    file,
    literalTexts(file, readFileSync(join(folder, file), "utf8")).map(({ text }) => text),
  ]);
  expect(code.length).toBeGreaterThan(50);
  expect(new Map(found.filter(([, texts]) => texts.length > 0))).toEqual(allowed);
});

import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { languages } from "../messages/kind.ts";
import { builtinTemplates } from "./builtin.ts";
import { checkTemplate } from "./check.ts";
import { compileTemplate } from "./engine.ts";
import { bareSample, endedSample, fullSample, namedSample } from "./samples.ts";
import { moneyText } from "./variables.ts";

const builtin = builtinTemplates();
const templateOf = (name: string, language = "en") => {
  const found = builtin.find((one) => one.eventType === `sagacart.${name}.v1` && one.language === language);
  return checkTemplate(found!, found!.language);
};

test.each(builtin)("$eventType in $language renders complete and minimal data", (template) => {
  const compiled = checkTemplate(template, template.language);
  const letter = compiled.renderStrictly(fullSample(template.language));
  expect(letter.html).toContain(template.language === "de" ? "Guten Tag Ada," : "Hello Ada,");
  expect(letter.text).toContain(template.language === "de" ? "Guten Tag Ada," : "Hello Ada,");
  expect(`${letter.subject}${letter.text}${letter.html}`).not.toMatch(/\{\{|\{%|undefined|\[object/);
  const bare = compiled.renderStrictly(bareSample(template.language));
  expect(bare.text).toContain(template.language === "de" ? "Guten Tag,\n" : "Hello,\n");
});

test("a completed order names its lines, prices and tracking number", () => {
  const { subject, text } = templateOf("order.completed").renderStrictly(fullSample("en"));
  expect(subject).toBe("Your order 1042 is complete");
  expect(text).toBe(
    [
      "Hello Ada,",
      "thank you for your order 1042.",
      "  2 × Keyboard <compact>, €299.98\n  1 × Laptop & bag, €1,319.99",
      "Total: €1,619.97",
      "It is on its way. The carrier's number for it is SC0000000001.",
      "Your Sagacart",
      "To stop messages of this kind: https://shop.example/unsubscribe?token=sample",
    ].join("\n\n"),
  );
});

test.each([
  ["order.rejected", { reason: "OUT_OF_STOCK" }, "Keyboard <compact>: 2 asked for, 1 left"],
  ["order.rejected", { reason: "PAYMENT_DECLINED" }, "The payment was declined: there was not enough money."],
  ["order.rejected", { reason: "PAYMENT_DECLINED", detail: "odd" }, "Please try another way to pay."],
  ["order.cancelled", { reason: "CANCELLED_BY_CUSTOMER" }, "You asked for it."],
  ["order.cancelled", { reason: "CANCELLED_BY_SHOP", detail: "" }, "We had to cancel it."],
  [
    "order.cancelled",
    { reason: "CANCELLED_BY_SHOP", detail: "The vase broke." },
    "We had to cancel it. The vase broke.",
  ],
  ["order.refunded", { detail: "The lid is missing." }, "for your order 1042. The lid is missing."],
  [
    "order.awaiting_payment",
    {},
    "Please pay within 1 day and 2 hours: we keep it for you until March 2, 2026 at 9:30 AM UTC.",
  ],
  ["order.expired", {}, "was not paid in time"],
  ["order.paid", {}, "we have received €1,619.97"],
  ["order.refunded", { detail: "" }, "we have refunded €1,619.97 for your order 1042."],
  [
    "order.dispute_opened",
    { reason: "fraudulent" },
    "the bank of a customer takes €1,619.97 of order 1042 back (fraudulent).",
  ],
  ["order.dispute_won", {}, "dispute dp_0000000001 about order 1042 is won: the card provider has returned €1,619.97."],
  ["order.dispute_lost", {}, "the customer keeps €1,619.97, which can no longer be refunded."],
  ["order.refunded_outside", {}, "€1,619.97 of order 1042 was refunded at the card provider, outside the shop."],
  ["cart.expiring", {}, "We keep it for another 1 day and 2 hours"],
])("%s with %j gives the reason", (name, change, sentence) => {
  const letter = templateOf(name).renderStrictly({ ...fullSample("en"), ...change });
  expect(letter.text).toContain(sentence);
  expect(unescaped(letter.html)).toContain(sentence);
});

const en = {
  careful: "If you had paid, we pay you back, unless we already have.",
  charged: "You have not been charged",
  paid: "We have paid back €12.00, the way you paid.",
  settled: "We have settled €7.00 with you in another way.",
};
const de = {
  careful: "Falls Sie schon gezahlt haben, erhalten Sie Ihr Geld zurück, sofern Sie es nicht schon haben.",
  charged: "Es wurde nichts abgebucht",
  paid: "Wir haben Ihnen 12,00 € auf dem Weg zurückgezahlt, auf dem Sie gezahlt haben.",
  settled: "Über 7,00 € haben wir uns auf anderem Weg mit Ihnen geeinigt.",
};
const eur = (minorUnits: bigint) => ({ currencyCode: "EUR", minorUnits });
const [paidBack, settledOtherwise] = [eur(1200n), eur(700n)];

/** Cases of the money of an order that ended, with what the mails about a cancelled order and about the others say. */
const payBacks = [
  { known: "not known", payBack: undefined, cancelled: ["careful"], others: ["charged"] },
  {
    ...{ known: "nothing was taken", cancelled: ["charged"], others: ["charged"] },
    payBack: { paidBack: undefined, settledOtherwise: undefined },
  },
  {
    ...{ known: "paid back", cancelled: ["paid"], others: ["paid"] },
    payBack: { paidBack, settledOtherwise: undefined },
  },
  {
    ...{ known: "settled otherwise", cancelled: ["settled"], others: ["settled"] },
    payBack: { paidBack: undefined, settledOtherwise },
  },
  {
    ...{ known: "both", cancelled: ["paid", "settled"], others: ["paid", "settled"] },
    payBack: { paidBack, settledOtherwise },
  },
];

const translations = [
  { language: "en", sentences: en, cartIsOpen: "our cart is open again" },
  { language: "de", sentences: de, cartIsOpen: "Ihr Warenkorb ist wieder offen" },
] as const;

test.each(
  translations.flatMap((translation) =>
    ["cancelled", "rejected", "expired"].flatMap((end) =>
      payBacks.map(({ known, payBack, cancelled, others }) => ({
        ...{ ...translation, end, known, payBack },
        said: end === "cancelled" ? cancelled : others,
      })),
    ),
  ),
)("an order that ends as $end tells in $language what became of the money: $known", (ended) => {
  const { language, sentences, cartIsOpen } = ended;
  const letter = templateOf(`order.${ended.end}`, language).renderStrictly(endedSample(language, ended.payBack));
  for (const text of [letter.text, unescaped(letter.html)]) {
    const said = Object.entries(sentences).filter(([, sentence]) => text.includes(sentence));
    expect(said.map(([name]) => name)).toEqual(ended.said);
    expect(text.includes(cartIsOpen)).toBe(ended.end !== "cancelled");
  }
});

test("German templates contain no English", () => {
  const { subject, text } = templateOf("order.awaiting_payment", "de").renderStrictly(fullSample("de"));
  expect(subject).toBe("Ihre Bestellung 1042 wartet auf Ihre Zahlung");
  expect(text).toContain("Summe: 1.619,97 €");
  expect(text).toContain("(1 Tag und 2 Stunden)");
  expect(text).toContain("bis 2. März 2026 um 09:30 UTC");
});

test.each([
  [{ currencyCode: "JPY", minorUnits: 1200n }, "¥1,200", "1.200 ¥"],
  [{ currencyCode: "KWD", minorUnits: -5n }, "-KWD 0.005", "-0,005 KWD"],
  [{ currencyCode: "HUF", minorUnits: 1234n }, "HUF 12.34", "12,34 HUF"],
  [{ currencyCode: "IDR", minorUnits: 1234500n }, "IDR 12,345.00", "12.345,00 IDR"],
  [{ currencyCode: "IQD", minorUnits: 1234n }, "IQD 1.234", "1,234 IQD"],
  [{ currencyCode: "CLF", minorUnits: 12345n }, "CLF 1.2345", "1,2345 CLF"],
  [{ currencyCode: "BGN", minorUnits: 1234n }, "BGN 12.34", "12,34 BGN"],
  [{ currencyCode: "EUR", minorUnits: 900719925474099312n }, "€9,007,199,254,740,993.12", "9.007.199.254.740.993,12 €"],
])("money is exact and formatted for the language: %#", (amount, english, german) => {
  expect(languages.map((language) => moneyText(amount, language))).toEqual([english, german]);
});

const fine = { subject: "s", mjml: "<mjml><mj-body><mj-raw>h</mj-raw></mj-body></mjml>", text: "t" };
const body = (inner: string) =>
  `<mjml><mj-body><mj-section><mj-column><mj-text>${inner}</mj-text></mj-column></mj-section></mj-body></mjml>`;

test("data cannot become markup, and no filter allows it", () => {
  const variables = { ...fullSample("en"), customer_name: `<script>alert("1")</script>` };
  const html = compileTemplate({ ...fine, mjml: body(`<a href="{{ customer_name }}">{{ customer_name }}</a>`) }).html(
    variables,
  );
  expect(html).not.toContain("<script>");
  expect(html).not.toContain('"1"');
  expect(() => checkTemplate({ ...fine, mjml: body("{{ customer_name | raw }}") }, "en")).toThrow(
    "undefined filter: raw",
  );
});

test("data cannot add a header", () => {
  const compiled = compileTemplate({ ...fine, subject: "For {{ customer_name }}\nBcc: a@example.com" });
  const subject = compiled.subject({ ...fullSample("en"), customer_name: "Eve\r\nBcc: b@example.com" });
  expect(subject).toBe("For Eve Bcc: b@example.com Bcc: a@example.com");
});

test("a mail loads nothing external that would reveal that it was opened", () => {
  for (const { language, ...template } of builtin) {
    const { html } = checkTemplate(template, language).renderStrictly(fullSample(language));
    expect(html).not.toMatch(/<(img|link|script)\b|@import|url\(/i);
  }
});

test.each([
  ["mjml that does not end", { mjml: "<mjml><mj-body>" }, "mjml", /end of stream/],
  ["an unknown element", { mjml: body("x").replaceAll("mj-section", "mj-selection") }, "mjml", /mj-selection/],
  [
    "a file to include",
    { mjml: '<mjml><mj-body><mj-include path="/etc/passwd" /></mj-body></mjml>' },
    "mjml",
    /include/,
  ],
  ["no mjml at all", { mjml: "hello" }, "mjml", /unknown token/],
  [
    "an unknown variable",
    { text: "{{ order_idd }}" },
    "text",
    /^there is no variable order_idd; the variables are language, /,
  ],
  [
    "an unknown variable in a rare branch",
    { text: "t{% if total == 'x' %}{{ password }}{% endif %}" },
    "text",
    /^there is no variable password/,
  ],
  [
    "an unknown field",
    { text: "{% for line in lines %}{{ line.prize }}{% endfor %}" },
    "text",
    /undefined variable: line.prize/,
  ],
  ["a property of the JavaScript object", { text: "{{ customer_name.constructor }}" }, "text", /undefined variable/],
  ["a tag that does not end", { subject: "{% if total %}s" }, "subject", /not closed/],
  ["a tag that is not allowed", { text: "{% include 'x' %}" }, "text", /tag "include" not found/],
  ["an unknown filter", { text: "{{ total | hash }}" }, "text", /undefined filter: hash/],
  ["a loop without end", { text: "{% for i in (1..99999999) %}x{% endfor %}" }, "text", /limit exceeded/],
  ["an empty subject", { subject: "  " }, "subject", /is empty/],
  ["a subject that may be empty", { subject: "{{ customer_name }}" }, "subject", /renders empty/],
  [
    "too much of it",
    { text: `t{% for a in lines %}{% for b in lines %}${"x".repeat(60)}{% endfor %}{% endfor %}` },
    "text",
    /bytes/,
  ],
])("%s is refused with the reason", (_, change, field, message) => {
  expect(() => checkTemplate({ ...fine, mjml: body("x"), ...change }, "en")).toThrow(
    expect.objectContaining({ name: "TemplateError", field, message: expect.stringMatching(message) }),
  );
});

test("a template that crashes the engine is refused, and does not affect others", () => {
  const deep = body(`${"<b>".repeat(5_000)}x${"</b>".repeat(5_000)}`);
  expect(() => compileTemplate({ ...fine, mjml: deep })).toThrow("cannot be compiled");
  expect(compileTemplate({ ...fine, mjml: body("fine") }).html(fullSample("en"))).toContain("fine");
});

test("an engine that a template has broken does not end the process when it becomes garbage", () => {
  const script = `
    import { compileTemplate } from ${JSON.stringify(new URL("engine.ts", import.meta.url).href)};
    import { setImmediate } from "node:timers/promises";
    const deep = "<mjml><mj-body>" + "<mj-section><mj-column>".repeat(20_000) + "</mj-body></mjml>";
    for (let count = 0; count < 5; count++) {
      try { compileTemplate({ subject: "s", text: "t", mjml: deep }); } catch { process.stdout.write("refused "); }
    }
    for (let count = 0; count < 20; count++) { gc(); await setImmediate(); }
  `;
  const args = ["--expose-gc", "--input-type=module", "--eval", script];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: "refused ".repeat(5), stderr: "" });
});

function unescaped(html: string): string {
  return html.replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&#39;", "'");
}

const named = ["customer_name", "cart_name"] as const;
const linkLike = [
  "https://evil.example/win",
  "evil.example",
  "evil．example",
  "evil.\u200bexample",
  "win@evil.example",
];

test.each(builtin)("$eventType in $language shows no name that looks like a link", (template) => {
  const compiled = compileTemplate(template);
  for (const name of linkLike) {
    const variables = namedSample(template.language, name);
    expect(named.map((variable) => variables[variable])).toEqual(["", ""]);
    const { subject, text, html } = compiled.renderStrictly(variables);
    expect([subject, text, html].join("\n")).not.toContain(name);
    expect([subject, text, html].join("\n")).not.toContain("evil");
  }
});

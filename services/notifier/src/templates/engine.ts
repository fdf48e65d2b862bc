import { createRequire } from "node:module";
import { Liquid, type Template } from "liquidjs";
import type { Engine } from "mrml";
import { oneLine } from "../intake/order-event.ts";
import { parts } from "./parts.ts";
import { type Variables, variableNames } from "./variables.ts";

/** What people write: a subject line, an MJML document and a text, all three with Liquid for the data. */
export type TemplateSource = { readonly subject: string; readonly mjml: string; readonly text: string };

/** What customers get. */
export type Letter = { readonly subject: string; readonly html: string; readonly text: string };

/** A template that is ready to be written out, as often as needed. */
export type Compiled = {
  subject(variables: Variables): string;
  text(variables: Variables): string;
  html(variables: Variables): string;
  /** As the others, but throws TemplateError for what would come out empty because it is spelt wrong. */
  strictly(variables: Variables): Letter;
};

export type Field = keyof TemplateSource;

/** Why a template is wrong, and which part of it. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  readonly field: Field;

  constructor(field: Field, message: string) {
    super(message);
    this.field = field;
  }
}

/**
 * Compiles a template, or throws TemplateError.
 *
 * MJML by mrml (one WebAssembly file without dependencies, a quarter of a millisecond a template; mjml itself brings
 * a CSS minifier, an HTML parser and some hundred packages), once: Liquid's tags pass through it. Liquid by liquidjs,
 * which is made for templates of people one does not trust: no code, no files, only the data's own fields. All data
 * is escaped in HTML, without a filter that could turn it off.
 */
export function compileTemplate(source: TemplateSource): Compiled {
  const subject = parse("subject", plain, source.subject);
  const text = parse("text", plain, source.text);
  const html = parse("mjml", escaping, toHtml(source.mjml));
  const lenient = { strictVariables: false };
  const strict = { strictVariables: true, renderLimit: checkMs };
  return {
    subject: (variables) => tidySubject(plain.renderSync(subject, variables, lenient)),
    text: (variables) => tidyText(plain.renderSync(text, variables, lenient)),
    html: (variables) => escaping.renderSync(html, variables, lenient),
    strictly: (variables) => ({
      subject: tidySubject(render("subject", () => plain.renderSync(subject, variables, strict))),
      text: tidyText(render("text", () => plain.renderSync(text, variables, strict))),
      html: render("mjml", () => escaping.renderSync(html, variables, strict)),
    }),
  };
}

/** How long writing out one part may take while it is checked. Afterwards there is no limit to break: it was fast. */
const checkMs = 2_000;

const filters = ["append", "capitalize", "default", "downcase", "first", "join", "last", "minus", "plus", "prepend"];
const moreFilters = ["replace", "size", "strip", "times", "truncate", "truncatewords", "upcase"];
const tags = ["#", "assign", "break", "case", "comment", "continue", "for", "if", "unless"];

const plain = engine(undefined);
const escaping = engine("escape");

function engine(outputEscape: "escape" | undefined): Liquid {
  const liquid = new Liquid({
    ownPropertyOnly: true,
    strictFilters: true,
    // There are no files to include; what this names is all there is.
    templates: {},
    parseLimit: 200_000,
    memoryLimit: 5_000_000,
    ...(outputEscape === undefined ? {} : { outputEscape }),
  });
  keepOnly(liquid.filters, [...filters, ...moreFilters, "escape"]);
  keepOnly(liquid.tags, tags);
  return liquid;
}

function keepOnly(table: Record<string, unknown>, names: readonly string[]): void {
  for (const name of Object.keys(table)) {
    if (!names.includes(name)) {
      delete table[name];
    }
  }
}

const require = createRequire(import.meta.url);
let mjmlEngine = startMjmlEngine();

/** A WebAssembly instance of its own. One in which something ran out of its stack never works again. */
function startMjmlEngine(): Engine {
  delete require.cache[require.resolve("mrml")];
  const mrml: typeof import("mrml") = require("mrml");
  const engine = new mrml.Engine();
  engine.setParserOptions({ includeLoader: { type: "memory", content: parts } });
  // No fonts from elsewhere: a mail must not tell anybody that it was opened.
  engine.setRenderOptions({ disableComments: false, socialIconOrigin: null, fonts: {} });
  return engine;
}

function toHtml(mjml: string): string {
  let result: ReturnType<Engine["toHtml"]>;
  try {
    result = mjmlEngine.toHtml(mjml);
  } catch (error) {
    mjmlEngine = startMjmlEngine();
    const why = error instanceof Error ? error.message : String(error);
    throw new TemplateError("mjml", `cannot be compiled, perhaps for elements nested too deeply: ${why}`);
  }
  if (result.type === "error") {
    const source = "details" in result && "source" in result.details ? ` (${result.details.source})` : "";
    throw new TemplateError("mjml", `${result.message}${source}`);
  }
  const unknown = /<(mj-[a-z-]+|mjml)\b/.exec(result.content)?.[1];
  if (unknown !== undefined) {
    throw new TemplateError("mjml", `<${unknown}> is no element of MJML, or does not belong there`);
  }
  return result.content;
}

function parse(field: Field, liquid: Liquid, source: string): Template[] {
  return render(field, () => {
    const template = liquid.parse(source);
    const unknown = liquid.globalVariablesSync(template).find((name) => !variableNames.includes(name));
    if (unknown !== undefined) {
      throw new TemplateError(field, `there is no ${unknown}; there are ${variableNames.join(", ")}`);
    }
    return template;
  });
}

function render<T>(field: Field, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof TemplateError) {
      throw error;
    }
    throw new TemplateError(field, oneLine(error instanceof Error ? error.message : String(error), 500));
  }
}

/** One line, whatever the data: what follows a line end would be a header. */
function tidySubject(subject: string): string {
  return oneLine(subject, 200);
}

/** Without the blank lines that tags leave behind. */
function tidyText(text: string): string {
  return text
    .replaceAll(/[ \t]+\n/g, "\n")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim();
}

import { createRequire } from "node:module";
import { Liquid, type Template } from "liquidjs";
import type { Engine } from "mrml";
import { oneLine } from "../intake/order-event.ts";
import { parts } from "./parts.ts";
import { type Variables, variableNames } from "./variables.ts";

/** A template's source: a subject line, an MJML document and a text, all three with Liquid tags. */
export type TemplateSource = { readonly subject: string; readonly mjml: string; readonly text: string };

/** A message as the customer sees it. */
export type Rendered = { readonly subject: string; readonly html: string; readonly text: string };

/** A compiled template. */
export type Compiled = {
  subject(variables: Variables): string;
  text(variables: Variables): string;
  html(variables: Variables): string;
  /** Renders all parts. Throws TemplateError for unknown fields, which the other methods render empty. */
  renderStrictly(variables: Variables): Rendered;
};

export type Field = keyof TemplateSource;

/** Thrown for an invalid template, with the part and the reason. */
export class TemplateError extends Error {
  override readonly name = "TemplateError";
  readonly field: Field;

  constructor(field: Field, message: string) {
    super(message);
    this.field = field;
  }
}

/**
 * Compiles a template. Throws TemplateError.
 *
 * MJML is compiled once, by mrml: one WebAssembly file without dependencies, 0.25 ms a template. The mjml package brings a
 * CSS minifier, an HTML parser and about a hundred packages. Liquid tags pass through mrml unchanged. They are rendered by
 * liquidjs, which is made for untrusted templates: no code, no files, only the data's own fields. All data is escaped in
 * HTML, and no filter can turn that off.
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
    renderStrictly: (variables) => ({
      subject: tidySubject(render("subject", () => plain.renderSync(subject, variables, strict))),
      text: tidyText(render("text", () => plain.renderSync(text, variables, strict))),
      html: render("mjml", () => escaping.renderSync(html, variables, strict)),
    }),
  };
}

// The time limit for rendering one part in a check. Later renderings have none: the check has shown that it is fast.
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
    // Templates cannot include files.
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

/** Starts a new WebAssembly instance. An instance does not work any more after a stack overflow. */
function startMjmlEngine(): Engine {
  delete require.cache[require.resolve("mrml")];
  const mrml: typeof import("mrml") = require("mrml");
  const engine = new mrml.Engine();
  engine.setParserOptions({ includeLoader: { type: "memory", content: parts } });
  // Load no external fonts: they would reveal that a mail was opened.
  engine.setRenderOptions({ disableComments: false, socialIconOrigin: null, fonts: {} });
  return engine;
}

/**
 * Lets go of an engine whose instance is broken. To free it when it is garbage would run code of that instance, which throws
 * where nobody can catch it, and ends the process: so it is only taken off the list of what is freed. Its memory is the
 * instance's.
 */
function abandon(engine: Engine): void {
  // Made by wasm-bindgen for its own free(), and not among the types.
  const release: unknown = Reflect.get(engine, "__destroy_into_raw");
  if (typeof release !== "function") {
    throw new Error("this version of mrml has no __destroy_into_raw: find out how an engine is kept from being freed");
  }
  release.call(engine);
}

function toHtml(mjml: string): string {
  let result: ReturnType<Engine["toHtml"]>;
  try {
    result = mjmlEngine.toHtml(mjml);
  } catch (error) {
    abandon(mjmlEngine);
    mjmlEngine = startMjmlEngine();
    const why = error instanceof Error ? error.message : String(error);
    throw new TemplateError("mjml", `cannot be compiled, perhaps because elements are nested too deeply: ${why}`);
  }
  if (result.type === "error") {
    const source = "details" in result && "source" in result.details ? ` (${result.details.source})` : "";
    throw new TemplateError("mjml", `${result.message}${source}`);
  }
  const unknown = /<(mj-[a-z-]+|mjml)\b/.exec(result.content)?.[1];
  if (unknown !== undefined) {
    throw new TemplateError("mjml", `<${unknown}> is not an MJML element, or is not allowed there`);
  }
  return result.content;
}

function parse(field: Field, liquid: Liquid, source: string): Template[] {
  return render(field, () => {
    const template = liquid.parse(source);
    const unknown = liquid.globalVariablesSync(template).find((name) => !variableNames.includes(name));
    if (unknown !== undefined) {
      throw new TemplateError(field, `there is no variable ${unknown}; the variables are ${variableNames.join(", ")}`);
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

/** Makes the subject one line, whatever the data: text after a line end would become a header. */
function tidySubject(subject: string): string {
  return oneLine(subject, 200);
}

/** Removes the blank lines that tags leave behind. */
function tidyText(text: string): string {
  return text
    .replaceAll(/[ \t]+\n/g, "\n")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim();
}

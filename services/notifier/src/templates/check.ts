import type { Language } from "../messages/kind.ts";
import { type Compiled, compileTemplate, type Rendered, TemplateError, type TemplateSource } from "./engine.ts";
import { bareSample, fullSample, largestSample } from "./samples.ts";

/**
 * Compiles a template and renders it with complete, minimal and maximal data. Throws TemplateError. A template that passes
 * does not fail when a message is sent.
 */
export function checkTemplate(source: TemplateSource, language: Language): Compiled {
  for (const field of ["subject", "mjml", "text"] as const) {
    if (source[field].trim() === "") {
      throw new TemplateError(field, "is empty");
    }
  }
  const compiled = compileTemplate(source);
  for (const sample of [fullSample(language), bareSample(language), largestSample(language)]) {
    const rendered = compiled.renderStrictly(sample);
    if (rendered.subject === "" || rendered.text === "") {
      throw new TemplateError(
        rendered.subject === "" ? "subject" : "text",
        "renders empty when optional data is missing",
      );
    }
    checkSize(rendered);
  }
  return compiled;
}

// Enough for an order with a hundred lines, and accepted by mail servers.
const largestBytes = 512 * 1024;

function checkSize({ html, text }: Rendered): void {
  for (const [field, part] of [
    ["mjml", html],
    ["text", text],
  ] as const) {
    const bytes = Buffer.byteLength(part);
    if (bytes > largestBytes) {
      throw new TemplateError(
        field,
        `renders an order with a hundred lines to ${bytes} bytes; the limit is ${largestBytes}`,
      );
    }
  }
}

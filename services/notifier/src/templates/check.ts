import type { Language } from "../messages/kind.ts";
import { type Compiled, compileTemplate, type Letter, TemplateError, type TemplateSource } from "./engine.ts";
import { bareSample, fullSample, largestSample } from "./samples.ts";

/**
 * Compiles a template and writes it out with all there may be to say, with nothing and with the most. Throws
 * TemplateError: what passes here never fails when it is sent.
 */
export function checkTemplate(source: TemplateSource, language: Language): Compiled {
  for (const field of ["subject", "mjml", "text"] as const) {
    if (source[field].trim() === "") {
      throw new TemplateError(field, "is empty");
    }
  }
  const compiled = compileTemplate(source);
  for (const sample of [fullSample(language), bareSample(language), largestSample(language)]) {
    const letter = compiled.strictly(sample);
    if (letter.subject === "" || letter.text === "") {
      throw new TemplateError(letter.subject === "" ? "subject" : "text", "comes out empty when little is known");
    }
    checkSize(letter);
  }
  return compiled;
}

/** A hundred lines are within it, and mail servers take it. */
const largestBytes = 512 * 1024;

function checkSize({ html, text }: Letter): void {
  for (const [field, part] of [
    ["mjml", html],
    ["text", text],
  ] as const) {
    const bytes = Buffer.byteLength(part);
    if (bytes > largestBytes) {
      throw new TemplateError(
        field,
        `makes ${bytes} bytes of an order with a hundred lines; ${largestBytes} is the most`,
      );
    }
  }
}

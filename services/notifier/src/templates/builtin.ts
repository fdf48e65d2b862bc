import { readFileSync } from "node:fs";
import { type Kind, kinds, type Language, languages } from "../messages/kind.ts";
import type { TemplateSource } from "./engine.ts";

/** Reads the templates that ship with the service, one for each kind and language. */
export function builtinTemplates(): (TemplateSource & { readonly eventType: string; readonly language: Language })[] {
  return kinds.flatMap((kind) =>
    languages.map((language) => ({ eventType: kind.eventType, language, ...readTemplate(kind, language) })),
  );
}

function readTemplate({ name }: Kind, language: Language): TemplateSource {
  const read = (ending: string) =>
    readFileSync(new URL(`../../templates/${language}/${name}.${ending}`, import.meta.url), "utf8");
  // The subject precedes the text, as in a mail.
  const [, subject, text] = /^Subject: ([^\n]+)\n\n(.+)$/s.exec(read("txt")) ?? [];
  if (subject === undefined || text === undefined) {
    throw new Error(`templates/${language}/${name}.txt does not begin with "Subject: …" and an empty line`);
  }
  return { subject, text: text.trimEnd(), mjml: read("mjml") };
}

import { createHash } from "node:crypto";
import type { Language } from "./language.ts";
import { passkeyScriptHash } from "./passkey-script.ts";

/** An HTML page and its Content-Security-Policy, which forbids resources, framing, and scripts but the one of passkeys. */
export type Page = { readonly html: string; readonly csp: string };

export type PageOptions = {
  readonly formAction?: readonly string[];
  readonly hasPasskeys?: boolean;
  readonly language: Language;
};

const style = `body{font-family:system-ui,sans-serif;max-width:22rem;margin:4rem auto;padding:0 1rem;line-height:1.5}
label{display:block;margin:1rem 0 0}input{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.5rem}
button{font:inherit;padding:.5rem 1rem;margin:1rem 0 0}p{overflow-wrap:anywhere}.hint{margin:0;font-size:.9rem}
[role=alert],.wrong{color:#a00;margin:0}[aria-invalid]{outline:2px solid #a00}`;
const styleHash = `'sha256-${createHash("sha256").update(style).digest("base64")}'`;

/** Renders a page. The title and what the page shows are HTML. */
export function page(title: string, main: string, options: PageOptions): Page {
  const { formAction = ["'none'"], hasPasskeys = false, language } = options;
  const html = `<!doctype html>
<html lang="${language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Sagacart</title>
<style>${style}</style>
</head>
<body>
<main>
${main}
</main>
</body>
</html>
`;
  const csp = [
    "default-src 'none'",
    `style-src ${styleHash}`,
    ...(hasPasskeys ? [`script-src ${passkeyScriptHash}`] : []),
    `form-action ${formAction.join(" ")}`,
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "object-src 'none'",
  ].join("; ");
  return { html, csp };
}

/** Why a form was refused: a sentence, and the field at fault; "" for the form as a whole. */
export type FormError = { readonly reason: string; readonly field: string; readonly text: string };

/** Renders the error of a form as a whole; "" without one. */
export function alertOf(error: FormError | undefined): string {
  return error === undefined || error.field !== ""
    ? ""
    : `<p role="alert" data-reason="${escapeHtml(error.reason)}">${escapeHtml(error.text)}</p>`;
}

export type Field = {
  readonly name: string;
  /** HTML. */
  readonly label: string;
  readonly type?: "email" | "password" | "text";
  readonly value?: string;
  readonly autocomplete: string;
  /** HTML. */
  readonly hint?: string;
  /** More attributes, as HTML. */
  readonly attributes?: string;
  /** Has the focus, unless another field is at fault. */
  readonly isFirst?: boolean;
};

/**
 * Renders a labelled field, with the error if it is this field's: bound to it, so that a screen reader says both when the page
 * has put the focus there.
 */
export function fieldOf(
  { type = "text", value = "", hint = "", ...field }: Field,
  error: FormError | undefined,
): string {
  const { name, label, autocomplete, attributes = "", isFirst = false } = field;
  const isWrong = error?.field === name;
  const described = [...(isWrong ? [`${name}-error`] : []), ...(hint === "" ? [] : [`${name}-hint`])].join(" ");
  const all = [
    `id="${name}" name="${name}" type="${type}" autocomplete="${autocomplete}" required`,
    type === "password" ? "" : `value="${escapeHtml(value)}"`,
    attributes,
    isWrong ? 'aria-invalid="true"' : "",
    described === "" ? "" : `aria-describedby="${described}"`,
    isWrong || (isFirst && (error?.field ?? "") === "") ? "autofocus" : "",
  ];
  return [
    `<label for="${name}">${label}</label>`,
    `<input ${all.filter((part) => part !== "").join(" ")}>`,
    ...(hint === "" ? [] : [`<p class="hint" id="${name}-hint">${hint}</p>`]),
    ...(isWrong
      ? [`<p class="wrong" id="${name}-error" data-reason="${escapeHtml(error.reason)}">${escapeHtml(error.text)}</p>`]
      : []),
  ].join("\n");
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** What is known of the language that is saved: the one seen last, and the one that was sent to be saved; "" for none. */
export type Known = { readonly seen: string; readonly sent: string };

/** What to do about the language that is saved, and that of the page. */
export type LanguageStep = { readonly known: Known; readonly apply?: string; readonly save?: string };

/**
 * Returns how to bring a saved language ("" for none) and the one shown together. One that was saved elsewhere is applied when it
 * is first seen; otherwise the page was changed, and that is saved. A language that cannot be saved is sent once, and stays.
 */
export function nextStep({ saved, shown, known }: { saved: string; shown: string; known: Known }): LanguageStep {
  if (saved === shown) {
    return { known: { seen: saved, sent: "" } };
  }
  const isNews = saved !== "" && saved !== known.seen && saved !== known.sent;
  if (isNews) {
    return { known: { seen: saved, sent: "" }, apply: saved };
  }
  const seen = { ...known, seen: saved };
  return shown === known.sent ? { known: seen } : { known: { ...seen, sent: shown }, save: shown };
}

/** What is known of the language that is saved: the one seen last, and the one that was sent to be saved; "" for none. */
export type Known = { readonly seen: string; readonly sent: string };

/** What to do about the language that is saved, and that of the page. */
export type LanguageStep = { readonly known: Known; readonly apply?: string; readonly save?: string };

/** The language that is saved ("" for none), the one shown, and true if the person has chosen that one in this browser. */
type Languages = { readonly saved: string; readonly shown: string; readonly isChosen: boolean; readonly known: Known };

/**
 * Returns how to bring a saved language and the one shown together. One that was saved elsewhere is applied when it is first seen;
 * otherwise the one that was chosen on the page is saved. That of the browser's settings is not: it would count as a choice. A
 * language that cannot be saved is sent once, and stays.
 */
export function nextStep({ saved, shown, isChosen, known }: Languages): LanguageStep {
  if (saved === shown) {
    return { known: { seen: saved, sent: "" } };
  }
  const isNews = saved !== "" && saved !== known.seen && saved !== known.sent;
  if (isNews) {
    return { known: { seen: saved, sent: "" }, apply: saved };
  }
  const seen = { ...known, seen: saved };
  return shown === known.sent || !isChosen ? { known: seen } : { known: { ...seen, sent: shown }, save: shown };
}

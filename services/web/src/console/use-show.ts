import { useLanguage } from "../i18n/language.tsx";
import { type Show, showIn } from "./show.ts";

/** Returns how values are shown in the language of the page. */
export function useShow(): Show {
  return showIn(useLanguage().language);
}

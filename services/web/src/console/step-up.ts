import type { Language } from "../i18n/language.tsx";
import type { Failure } from "../rpc/failure.ts";
import { showIn } from "./show.ts";
import { stepUpTexts } from "./step-up-texts.ts";

/** Returns what a person has to do before the call is allowed; undefined if signing in again would not help. */
export function stepUpOf({ reason, metadata }: Failure, language: Language): { readonly sentence: string } | undefined {
  const text = stepUpTexts[language];
  if (reason === "FRESH_SIGN_IN_REQUIRED") {
    return { sentence: text.fresh(withinOf(metadata, language)) };
  }
  if (reason !== "SECOND_FACTOR_REQUIRED") {
    return undefined;
  }
  const isKnown = metadata.max_age_seconds !== undefined;
  return { sentence: isKnown ? text.freshFactor(withinOf(metadata, language)) : text.factor };
}

function withinOf({ max_age_seconds: seconds = "" }: Failure["metadata"], language: Language): string {
  const text = stepUpTexts[language];
  const minutes = Math.round(Number(seconds) / 60);
  return minutes > 0 ? showIn(language).counted(text.minutesAgo, minutes) : text.justNow;
}

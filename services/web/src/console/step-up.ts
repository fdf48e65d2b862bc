import type { Failure } from "../rpc/failure.ts";

/** Returns what a person has to do before the call is allowed; undefined if signing in again would not help. */
export function stepUpOf({ reason, metadata }: Failure): { readonly sentence: string } | undefined {
  if (reason === "FRESH_SIGN_IN_REQUIRED") {
    return {
      sentence: `For this you must have signed in ${withinOf(metadata)}. Sign in again; you come back to this form.`,
    };
  }
  if (reason !== "SECOND_FACTOR_REQUIRED") {
    return undefined;
  }
  const sentence =
    metadata.max_age_seconds === undefined
      ? "For this you must sign in with a second factor. If you have none, add one to your account first."
      : `For this you must have given your second factor ${withinOf(metadata)}. Sign in again; you come back to this form.`;
  return { sentence };
}

function withinOf({ max_age_seconds: seconds = "" }: Failure["metadata"]): string {
  const minutes = Math.round(Number(seconds) / 60);
  return minutes > 0 ? `within the last ${minutes} ${minutes === 1 ? "minute" : "minutes"}` : "just now";
}

import type { IncomingMessage, ServerResponse } from "node:http";
import type { InteractionResults, Provider } from "oidc-provider";
import { isOneOf } from "./clients.ts";
import { readForm, send } from "./html-forms.ts";
import { type ContinuePage, continuePage, errorPage, type Language } from "./pages.ts";

export type ContinueFormOptions = {
  readonly provider: Provider;
  readonly issuer: string;
  readonly interaction: Awaited<ReturnType<Provider["interactionDetails"]>>;
  /** The CSRF tokens that are valid for this interaction. */
  readonly csrf: readonly string[];
  readonly page: Omit<ContinuePage, "language">;
};

/**
 * Handles the page that asks a signed-in user whether to go on to an application. Nothing is made before the button is pressed;
 * the other button tells the application `access_denied`.
 */
export async function continueForm(
  request: IncomingMessage,
  response: ServerResponse,
  { provider, issuer, interaction, csrf, page }: ContinueFormOptions,
): Promise<void> {
  if (request.method !== "POST") {
    const language = languageOf(interaction.params.ui_locales, request.headers["accept-language"]);
    return send(response, 200, continuePage({ ...page, language }));
  }
  const body = await readForm(request);
  const { origin } = request.headers;
  if (!isOneOf(csrf, body.get("csrf") ?? "") || (origin !== undefined && origin !== issuer)) {
    return send(response, 403, errorPage("This form is too old or came from another site. Go back and try again."));
  }
  const result: InteractionResults =
    body.get("continue") === "yes"
      ? { ...signInOf(interaction), consent: {} }
      : { error: "access_denied", error_description: "the user did not continue to the application" };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

/** Returns the sign-in that came right before in the same request, with its time: continuing makes it no newer. */
function signInOf({ lastSubmission, iat }: ContinueFormOptions["interaction"]): InteractionResults {
  const login = lastSubmission?.login;
  return login === undefined ? {} : { login: { ...login, ts: login.ts ?? iat } };
}

/**
 * Returns the first language of the page that the application or the browser prefers. `wanted` is `ui_locales`, which begins with
 * the most wanted one; `accepted` is the header Accept-Language.
 */
export function languageOf(wanted: unknown, accepted: string | undefined): Language {
  const asked = typeof wanted === "string" ? wanted.split(" ") : [];
  const weighted = (accepted ?? "").split(",").map((part) => {
    const [tag = "", ...parameters] = part.split(";").map((text) => text.trim());
    const weight = Number(parameters.find((text) => text.startsWith("q="))?.slice(2) ?? 1);
    return { tag, weight: Number.isNaN(weight) ? 0 : weight };
  });
  const preferred = weighted.filter(({ weight }) => weight > 0).sort((one, other) => other.weight - one.weight);
  const languages = [...asked, ...preferred.map(({ tag }) => tag)].map((tag) => tag.toLowerCase().split("-", 1)[0]);
  return languages.find((language) => language === "en" || language === "de") ?? "en";
}

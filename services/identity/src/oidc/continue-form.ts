import type { IncomingMessage, ServerResponse } from "node:http";
import type { InteractionResults } from "oidc-provider";
import { readForm, send } from "./html-forms.ts";
import type { OpenInteraction } from "./open-interaction.ts";
import { continuePage, refusedFormPage } from "./pages.ts";

/**
 * Handles the page that asks a signed-in user whether to go on to an application. Nothing is made before the button is pressed;
 * the other button tells the application `access_denied`.
 */
export async function continueForm(
  request: IncomingMessage,
  response: ServerResponse,
  { provider, details, step, isOwnForm }: OpenInteraction,
  username: string,
): Promise<void> {
  if (request.method !== "POST") {
    return send(response, 200, continuePage({ ...step, username }));
  }
  const body = await readForm(request, response, step.language);
  if (body === undefined) {
    return;
  }
  if (!isOwnForm(body)) {
    return send(response, 403, refusedFormPage("foreign", step.language));
  }
  const result: InteractionResults =
    body.get("continue") === "yes"
      ? { ...signInOf(details), consent: {} }
      : { error: "access_denied", error_description: "the user did not continue to the application" };
  await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
}

/** Returns the sign-in that came right before in the same request, with its time: continuing makes it no newer. */
function signInOf({ lastSubmission, iat }: OpenInteraction["details"]): InteractionResults {
  const login = lastSubmission?.login;
  return login === undefined ? {} : { login: { ...login, ts: login.ts ?? iat } };
}

import { interactionPolicy } from "oidc-provider";
import type { SessionLives } from "./session-lives.ts";

const { Check, Prompt } = interactionPolicy;

/**
 * Decides what a user has to do at the sign-in page before an application gets a code: sign in, unless the browser's session is
 * good; then continue, unless the application has a session in this browser. So no application gets a session by a redirect
 * alone. With `prompt=none` the answers are `login_required` and `consent_required` instead.
 *
 * With `prompt=create` (Initiating User Registration) the page to register is shown first.
 *
 * Applications belong to the shop, so `consent` stands for the user's wish to go on, and not for a choice of permissions.
 */
export function interactionsOf(lives: SessionLives) {
  const policy = interactionPolicy.base();
  policy.add(new Prompt({ name: "create", requestable: true }), 0);
  policy.get("login")?.checks.add(
    new Check("session_too_old", "the sign-in is too old", "login_required", ({ oidc }) => {
      const { account, session, result } = oidc;
      const isTooOld =
        account !== undefined && result?.login === undefined && lives.isTooOld(account, session?.loginTs);
      return isTooOld ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT;
    }),
  );
  policy.remove("consent");
  policy.add(
    new Prompt(
      { name: "consent", requestable: true },
      new Check("no_application_session", "the user has not continued to the application", ({ oidc }) =>
        // It is saved, and so has an id, once the user has signed in for the application or continued to it.
        oidc.grant?.jti === undefined ? Check.REQUEST_PROMPT : Check.NO_NEED_TO_PROMPT,
      ),
    ),
  );
  return policy;
}

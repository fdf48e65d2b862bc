import type { IncomingMessage } from "node:http";
import type { Provider } from "oidc-provider";
import { applicationOf, pathOf } from "./open-interaction.ts";
import type { WaitingSignIn } from "./pages.ts";
import { registeredIn } from "./register-form.ts";
import { signInsOf } from "./sign-in-cookies.ts";

/**
 * Returns a function that finds the newest sign-in that waits in a browser, by the cookies of the request. It only leads there:
 * that page verifies them.
 */
export function waitingSignIn(provider: () => Provider) {
  return async (request: IncomingMessage): Promise<WaitingSignIn | undefined> => {
    for (const uid of signInsOf(request).toReversed()) {
      const found = await provider().Interaction.find(uid);
      if (found !== undefined && found.prompt.name !== "consent") {
        const hasRegistered = registeredIn(found.result).userId !== "";
        const path = hasRegistered ? `${pathOf(uid)}/registered` : pathOf(uid);
        return { path, application: await applicationOf(provider(), found.params.client_id) };
      }
    }
    return undefined;
  };
}

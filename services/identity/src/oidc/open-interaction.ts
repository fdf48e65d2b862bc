import { createHmac } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { errors, type Provider } from "oidc-provider";
import { isOneOf } from "./clients.ts";
import { isOfOtherOrigin, send } from "./html-forms.ts";
import { languageOf } from "./language.ts";
import { refusedFormPage, type SignInStep } from "./pages.ts";

type Details = Awaited<ReturnType<Provider["interactionDetails"]>>;

/** A sign-in that is under way in the browser that asks. */
export type OpenInteraction = {
  readonly provider: Provider;
  readonly details: Details;
  /** The path of the sign-in page; the others of this sign-in are below it. */
  readonly path: string;
  /** The part of the path below that: "" for the page itself. */
  readonly below: string;
  readonly step: SignInStep;
  /** Makes tokens that only this sign-in in this browser has: the first one is to be shown, all are valid. */
  tokens(purpose: string): readonly string[];
  /** Returns true if a form came from this browser's page. */
  isOwnForm(body: URLSearchParams): boolean;
};

export type InteractionOptions = {
  readonly provider: () => Provider;
  readonly issuer: string;
  /** The first one makes CSRF tokens; all of them verify. */
  readonly csrfKeys: readonly Buffer[];
};

/**
 * Opens the sign-in of a path such as `/oidc/sign-in/<uid>/register`. A signed cookie binds it to an authorization request of
 * the same browser. Otherwise it answers itself, and returns nothing.
 */
export async function openInteraction(
  { provider: current, issuer, csrfKeys }: InteractionOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<OpenInteraction | undefined> {
  const provider = current();
  const details = await provider.interactionDetails(request, response).catch((error: unknown) => {
    if (error instanceof errors.OIDCProviderError) {
      return undefined;
    }
    throw error;
  });
  const asked = request.url?.split("?", 1)[0] ?? "";
  const path = pathOf(details?.uid ?? "");
  if (details === undefined || (asked !== path && !asked.startsWith(`${path}/`))) {
    send(response, 400, refusedFormPage("signInOver", languageOf(undefined, request)));
    return undefined;
  }
  const { client_id: clientId, redirect_uri: redirectUri, ui_locales: wanted } = details.params;
  const tokens = (purpose: string) =>
    csrfKeys.map((key) => createHmac("sha256", key).update(`${purpose}${details.jti}`).digest("base64url"));
  const csrf = tokens("");
  return {
    ...{ provider, details, path, tokens },
    below: asked.slice(path.length + 1),
    step: {
      action: asked,
      csrf: csrf[0] ?? "",
      application: await applicationOf(provider, clientId),
      returnOrigin:
        typeof redirectUri === "string" && URL.canParse(redirectUri) ? new URL(redirectUri).origin : undefined,
      language: languageOf(wanted, request),
    },
    isOwnForm: (body) => isOneOf(csrf, body.get("csrf") ?? "") && !isOfOtherOrigin(request, issuer),
  };
}

/** Returns the path of the page of a sign-in. */
export function pathOf(uid: string): string {
  return `/oidc/sign-in/${uid}`;
}

/** Returns the name of an application, for people. */
export async function applicationOf(provider: Provider, clientId: unknown): Promise<string> {
  const client = typeof clientId === "string" ? await provider.Client.find(clientId) : undefined;
  return client?.clientName ?? client?.clientId ?? "";
}

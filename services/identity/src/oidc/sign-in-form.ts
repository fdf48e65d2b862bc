import { createHmac } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Code } from "@connectrpc/connect";
import type { RecordedEvent } from "@sagacart/chassis/auth/security-line";
import type { SecurityLog } from "@sagacart/chassis/auth/security-log";
import { callContext } from "@sagacart/chassis/context";
import { DomainError } from "@sagacart/chassis/errors";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { truncate } from "@sagacart/chassis/truncate";
import { errors, type Provider } from "oidc-provider";
import { type Amr, passwordOnly } from "../factors/amr.ts";
import type { Factors } from "../factors/factors.ts";
import type { DeviceTokens } from "../sessions/device-tokens.ts";
import type { SignIn } from "../sessions/sign-in.ts";
import type { User } from "../users/user.ts";
import { findUser } from "../users/user-store.ts";
import { isOneOf } from "./clients.ts";
import { continueForm } from "./continue-form.ts";
import { clientAddress, readForm, send } from "./html-forms.ts";
import { codePage, errorPage, type Page, signInPage } from "./pages.ts";

export type SignInFormOptions = {
  readonly provider: () => Provider;
  readonly pool: Pool;
  readonly signIn: SignIn;
  readonly issuer: string;
  /** The first one makes CSRF tokens; all of them verify. */
  readonly csrfKeys: readonly Buffer[];
  readonly devices: DeviceTokens;
  readonly factors: Factors;
  readonly security?: SecurityLog | undefined;
};

/**
 * Handles the sign-in page at `/oidc/sign-in/<uid>`. A signed cookie binds it to an authorization request of the same
 * browser. Against cross-site forms it also checks a CSRF token and the Origin header.
 */
export function signInForm(options: SignInFormOptions) {
  /** Records a proof, with what its handler has noted of it. */
  function record(event: RecordedEvent, { factor, user, error }: { factor: string; user?: User; error?: unknown }) {
    const note = callContext()?.securityNote;
    const object = { kind: "user", id: user?.id ?? note?.objectId ?? "" };
    options.security?.record({ event, object, factor: note?.factor ?? factor, error });
  }

  async function proven<T>(factor: string, proof: () => Promise<T>): Promise<T> {
    return await proof().catch((error: unknown) => {
      record(signedIn, { factor, error });
      throw error;
    });
  }

  const device = deviceCookie(options.issuer.startsWith("https:"));
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const provider = options.provider();
    const details = await provider.interactionDetails(request, response).catch((error: unknown) => {
      if (error instanceof errors.OIDCProviderError) {
        return undefined;
      }
      throw error;
    });
    const path = request.url?.split("?", 1)[0] ?? "";
    if (details === undefined || path !== `/oidc/sign-in/${details.uid}`) {
      const message = "This sign-in has expired or began in another browser. Go back and start again.";
      return send(response, 400, errorPage(message));
    }
    const { client_id: clientId, redirect_uri: redirectUri } = details.params;
    const client = typeof clientId === "string" ? await provider.Client.find(clientId) : undefined;
    const valid = options.csrfKeys.map((key) => createHmac("sha256", key).update(details.jti).digest("base64url"));
    const form = {
      action: path,
      csrf: valid[0] ?? "",
      application: client?.clientName ?? client?.clientId ?? "",
      returnOrigin:
        typeof redirectUri === "string" && URL.canParse(redirectUri) ? new URL(redirectUri).origin : undefined,
    };
    if (details.prompt.name === "consent") {
      const user = await findUser(options.pool, details.session?.accountId ?? "");
      const page = { ...form, username: user?.username ?? "" };
      const { issuer } = options;
      return await continueForm(request, response, { provider, issuer, interaction: details, csrf: valid, page });
    }
    const passkeyChallenges = options.csrfKeys.map((key) =>
      createHmac("sha256", key).update(`passkey ${details.jti}`).digest("base64url"),
    );
    // It is bound to the sign-in and the browser as the CSRF token is, so that none is stored for everybody who sees the page.
    const firstPage = async (given: { username: string; error: string | undefined }) => {
      const passkeyOptions = await options.factors.passkeyOptions(passkeyChallenges[0] ?? "");
      return signInPage({ ...form, ...given, passkeyOptions });
    };
    if (request.method !== "POST") {
      return send(response, 200, await firstPage({ username: "", error: undefined }));
    }
    const body = await readForm(request);
    const origin = request.headers.origin;
    if (!isOneOf(valid, body.get("csrf") ?? "") || (origin !== undefined && origin !== options.issuer)) {
      options.security?.record({ event: signedIn, outcome: "refused", reason: "FORM_REFUSED", repeats: true });
      return send(response, 403, errorPage("This form is too old or came from another site. Go back and try again."));
    }
    const deviceToken = cookieOf(request, device.cookie);
    const finish = async (user: User, amr: Amr) => {
      const kept = options.devices.issue(user.id, deviceToken);
      response.appendHeader(
        "set-cookie",
        `${device.cookie}=${kept}; ${device.attributes}; Max-Age=15552000; HttpOnly; SameSite=Lax`,
      );
      const result = { login: { accountId: user.id, amr: [...amr] } };
      await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
    };
    const signInToken = body.get("sign_in_token") ?? "";
    const passkey = body.get("passkey") ?? "";
    if (signInToken !== "") {
      return await refusing(
        response,
        async () => {
          const proof = { code: truncate(body.get("code") ?? "", 64), passkey };
          const { user, amr } = await proven("second_factor", () =>
            options.factors.answer(signInToken, proof, async (_tx, user, amr) => ({ user, amr })),
          );
          record(signedIn, { factor: "second_factor", user });
          await finish(user, amr);
        },
        async ({ reason, text }) =>
          reason === "BAD_SIGN_IN_TOKEN"
            ? await firstPage({ username: "", error: "This took too long. Sign in again." })
            : codePage({
                ...{ ...form, signInToken, error: text },
                passkeyOptions: await options.factors.passkeyOptionsOf(signInToken),
              }),
      );
    }
    if (passkey !== "") {
      return await refusing(
        response,
        async () => {
          const { user, amr } = await proven("passkey", async () => {
            const found = await options.factors.withPasskey(passkey, (given) => isOneOf(passkeyChallenges, given));
            options.signIn.admit(found.user);
            return found;
          });
          record(signedIn, { factor: "passkey", user });
          await finish(user, amr);
        },
        ({ text }) => firstPage({ username: "", error: text }),
      );
    }
    // No user name contains NUL, and Postgres rejects it.
    const username = truncate((body.get("username") ?? "").replaceAll("\0", ""), 254);
    // As it is: the beginning of a longer one is another password.
    const password = body.get("password") ?? "";
    await refusing(
      response,
      async () => {
        const attempt = { login: username, password, address: clientAddress(request), deviceToken };
        const user = await proven("password", () => options.signIn.withPassword(attempt));
        const challenge = await options.factors.challenge(user);
        record(challenge === undefined ? signedIn : "session.second_factor_requested", { factor: "password", user });
        if (challenge === undefined) {
          await finish(user, passwordOnly);
        } else {
          const { token, passkeyOptions } = challenge;
          send(response, 200, codePage({ ...form, signInToken: token, passkeyOptions, error: undefined }));
        }
      },
      ({ text }) => firstPage({ username, error: text }),
    );
  };
}

/** The event of the RPC that does the same. */
const signedIn = "session.started";

type Refusal = { readonly reason: string; readonly text: string };

/** Runs a step of a sign-in, and shows a page for a refusal. */
async function refusing(
  response: ServerResponse,
  step: () => Promise<void>,
  pageOf: (refusal: Refusal) => Promise<Page>,
): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (!(error instanceof DomainError)) {
      throw error;
    }
    const { status, text } = explain(error);
    if (error.code === Code.ResourceExhausted) {
      response.setHeader("retry-after", Math.ceil(error.retryAfterMs / 1000));
    }
    send(response, status, await pageOf({ reason: error.reason, text }));
  }
}

const wrongTexts: Readonly<Record<string, string>> = {
  BAD_SECOND_FACTOR: "The code is wrong, or was used before. Wait for the next one.",
  BAD_PASSKEY: "The passkey was not accepted. Try again, or sign in in another way.",
};

function explain({ code, reason, message }: DomainError): { status: number; text: string } {
  switch (code) {
    case Code.Unauthenticated:
      return { status: 401, text: wrongTexts[reason] ?? "The user name or the password is wrong." };
    case Code.ResourceExhausted:
      return { status: 429, text: `${message.charAt(0).toUpperCase()}${message.slice(1)}.` };
    case Code.FailedPrecondition:
      return { status: 403, text: "Confirm your e-mail address first: see the mail that was sent to it." };
    default:
      return { status: 503, text: "Signing in is not possible at the moment. Try again." };
  }
}

/**
 * Names the cookie of known devices, and its attributes, as the provider does for its own. Its token opens nothing by
 * itself.
 */
function deviceCookie(isSecure: boolean) {
  return isSecure
    ? { cookie: "__Host-sagacart_device", attributes: "Path=/; Secure" }
    : { cookie: "sagacart_device", attributes: "Path=/oidc" };
}

function cookieOf({ headers }: IncomingMessage, name: string): string {
  const pairs = (headers.cookie ?? "").split(";").map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? "";
}

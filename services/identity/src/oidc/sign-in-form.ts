import type { IncomingMessage, ServerResponse } from "node:http";
import type { RecordedEvent } from "@sagacart/chassis/auth/security-line";
import type { SecurityLog } from "@sagacart/chassis/auth/security-log";
import { callContext } from "@sagacart/chassis/context";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { truncate } from "@sagacart/chassis/truncate";
import { type Amr, passwordOnly } from "../factors/amr.ts";
import type { Factors } from "../factors/factors.ts";
import type { DeviceTokens } from "../sessions/device-tokens.ts";
import type { SignIn } from "../sessions/sign-in.ts";
import type { User } from "../users/user.ts";
import { findUser } from "../users/user-store.ts";
import { isOneOf } from "./clients.ts";
import { continueForm } from "./continue-form.ts";
import { clientAddress, readForm, redirect, send, sendRefusal } from "./html-forms.ts";
import { type InteractionOptions, type OpenInteraction, openInteraction } from "./open-interaction.ts";
import type { FormError, Page } from "./page.ts";
import { codePage, refusedFormPage, signInPage } from "./pages.ts";
import { passwordPaths } from "./password-pages.ts";
import { type Refusal, refusalOf } from "./refusals.ts";
import { isRegistering, type RegisterFormOptions, registeredForm, registerForm } from "./register-form.ts";

export type SignInFormOptions = InteractionOptions &
  RegisterFormOptions & {
    readonly pool: Pool;
    readonly signIn: SignIn;
    readonly devices: DeviceTokens;
    readonly factors: Factors;
    readonly security?: SecurityLog | undefined;
  };

/**
 * Handles the sign-in page at `/oidc/sign-in/<uid>`, and those below it by which people register instead. A signed cookie binds
 * it to an authorization request of the same browser. Against cross-site forms it also checks a CSRF token and the Origin header.
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
    const interaction = await openInteraction(options, request, response);
    if (interaction === undefined) {
      return;
    }
    const { provider, details, path, below, tokens, isOwnForm } = interaction;
    const step = { ...interaction.step, action: path };
    const { language } = step;
    const isContinuing = details.prompt.name === "consent";
    if (below !== "" && (isContinuing || !isRegistering(below))) {
      return redirect(response, path);
    }
    if (isContinuing) {
      const user = await findUser(options.pool, details.session?.accountId ?? "");
      return await continueForm(request, response, interaction, user?.username ?? "");
    }
    const deviceToken = cookieOf(request, device.cookie);
    const finish = async (user: User, amr: Amr) => {
      const kept = options.devices.issue(user.id, deviceToken);
      response.appendHeader(
        "set-cookie",
        `${device.cookie}=${kept}; ${device.attributes}; Max-Age=15552000; HttpOnly; SameSite=Lax`,
      );
      const result = { login: { accountId: user.id, amr: [...amr] }, ...askedFor(interaction) };
      await provider.interactionFinished(request, response, result, { mergeWithLastSubmission: false });
    };
    /** Goes on after the right password: to the application, or to the second factor. */
    const passedPassword = async (user: User) => {
      const challenge = await options.factors.challenge(user);
      record(challenge === undefined ? signedIn : "session.second_factor_requested", { factor: "password", user });
      if (challenge === undefined) {
        await finish(user, passwordOnly);
      } else {
        const { token, passkeyOptions } = challenge;
        send(response, 200, codePage({ ...step, signInToken: token, passkeyOptions, error: undefined }));
      }
    };
    if (below !== "") {
      const form = below === "register" ? registerForm : registeredForm;
      return await form(request, response, { ...options, interaction, passedPassword });
    }
    const passkeyChallenges = tokens("passkey ");
    // It is bound to the sign-in and the browser as the CSRF token is, so that none is stored for everybody who sees the page.
    const firstPage = async (given: { username: string; error: FormError | undefined }) => {
      const passkeyOptions = await options.factors.passkeyOptions(passkeyChallenges[0] ?? "");
      const forgotPath = `${passwordPaths.forgot}?ui_locales=${language}`;
      return signInPage({ ...step, ...given, passkeyOptions, registerPath: `${path}/register`, forgotPath });
    };
    if (request.method !== "POST") {
      return send(response, 200, await firstPage({ username: "", error: undefined }));
    }
    const body = await readForm(request, response, language);
    if (body === undefined) {
      return;
    }
    if (!isOwnForm(body)) {
      options.security?.record({ event: signedIn, outcome: "refused", reason: "FORM_REFUSED", repeats: true });
      return send(response, 403, refusedFormPage("foreign", language));
    }
    const refusing = async (attempt: () => Promise<void>, pageOf: (refusal: Refusal) => Promise<Page>) => {
      try {
        await attempt();
      } catch (error) {
        const refusal = refusalOf(error, language);
        sendRefusal(response, refusal, await pageOf(refusal));
      }
    };
    const signInToken = body.get("sign_in_token") ?? "";
    const passkey = body.get("passkey") ?? "";
    if (signInToken !== "") {
      return await refusing(
        async () => {
          const proof = { code: truncate(body.get("code") ?? "", 64), passkey };
          const { user, amr } = await proven("second_factor", () =>
            options.factors.answer(signInToken, proof, async (_tx, user, amr) => ({ user, amr })),
          );
          record(signedIn, { factor: "second_factor", user });
          await finish(user, amr);
        },
        async (error) =>
          error.reason === "BAD_SIGN_IN_TOKEN"
            ? await firstPage({ username: "", error })
            : codePage({
                ...{ ...step, signInToken, error },
                passkeyOptions: await options.factors.passkeyOptionsOf(signInToken),
              }),
      );
    }
    if (passkey !== "") {
      return await refusing(
        async () => {
          const { user, amr } = await proven("passkey", async () => {
            const found = await options.factors.withPasskey(passkey, (given) => isOneOf(passkeyChallenges, given));
            options.signIn.admit(found.user);
            return found;
          });
          record(signedIn, { factor: "passkey", user });
          await finish(user, amr);
        },
        (error) => firstPage({ username: "", error }),
      );
    }
    // No user name contains NUL, and Postgres rejects it.
    const username = truncate((body.get("username") ?? "").replaceAll("\0", ""), 254);
    // As it is: the beginning of a longer one is another password.
    const password = body.get("password") ?? "";
    await refusing(
      async () => {
        const attempt = { login: username, password, address: clientAddress(request), deviceToken };
        await passedPassword(await proven("password", () => options.signIn.withPassword(attempt)));
      },
      (error) => firstPage({ username, error }),
    );
  };
}

/** The event of the RPC that does the same. */
const signedIn = "session.started";

/** Answers an application's wish for a registration: whoever signs in with an account that there is needs none. */
function askedFor({ details }: OpenInteraction): { create?: object } {
  return details.prompt.name === "create" ? { create: {} } : {};
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

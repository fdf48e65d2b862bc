import type { IncomingMessage, ServerResponse } from "node:http";
import { create } from "@bufbuild/protobuf";
import type { RecordedEvent } from "@sagacart/chassis/auth/security-line";
import type { SecurityLog } from "@sagacart/chassis/auth/security-log";
import { callContext } from "@sagacart/chassis/context";
import { checkRequest } from "@sagacart/chassis/rpc/check-request";
import { truncate } from "@sagacart/chassis/truncate";
import {
  RequestPasswordResetRequestSchema,
  ResetPasswordRequestSchema,
} from "@sagacart/proto/identity/v1/identity_service";
import type { PasswordChange } from "../sessions/password-change.ts";
import { forgotPage, forgotSentPage, resetDonePage, resetPage } from "./account-pages.ts";
import { clientAddress, isOfOtherOrigin, readForm, redirect, send, sendRefusal } from "./html-forms.ts";
import { type Language, languageOf } from "./language.ts";
import type { FormError } from "./page.ts";
import { refusedFormPage, type WaitingSignIn } from "./pages.ts";
import { type Refusal, refusalOf } from "./refusals.ts";

/** The page that asks for a mail, and the one that its link leads to, with the token in its query. */
export const passwordPaths = { forgot: "/oidc/forgot-password", reset: "/oidc/reset-password" } as const;

export type PasswordPagesOptions = {
  readonly issuer: string;
  readonly passwordChange: PasswordChange;
  readonly security?: SecurityLog | undefined;
  /** Finds the sign-in that waits in this browser. */
  waiting(request: IncomingMessage): Promise<WaitingSignIn | undefined>;
};

/**
 * Handles the pages for a forgotten password, by the rules and with the counts of the RPCs. They need no cookie: a mail may be
 * opened in another browser. Anybody may ask for a mail, and the token of the link is the proof for the rest, so a form needs no
 * more than to be no other site's. Opening a page does nothing: mail programs open links before people do.
 */
export function passwordPages(options: PasswordPagesOptions) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://identity");
    const language = languageOf(searchParams.get("ui_locales"), request);
    const form = pathname === passwordPaths.reset ? resetForm : forgotForm;
    const { shown, submit } = form({ ...options, language, searchParams, waiting: () => options.waiting(request) });
    if (request.method !== "POST") {
      return send(response, 200, await shown());
    }
    const body = await readForm(request, response, language);
    if (body === undefined) {
      return;
    }
    if (isOfOtherOrigin(request, options.issuer)) {
      const event = pathname === passwordPaths.reset ? resetEvent : requestedEvent;
      options.security?.record({ event, outcome: "refused", reason: "FORM_REFUSED", repeats: true });
      return send(response, 403, refusedFormPage("foreign", language));
    }
    await submit(body, request, response);
  };
}

type Given = Omit<PasswordPagesOptions, "waiting"> & {
  readonly language: Language;
  readonly searchParams: URLSearchParams;
  waiting(): Promise<WaitingSignIn | undefined>;
};

type Submit = (body: URLSearchParams, request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** The page that asks for the address. Its answer is the same for every address. */
function forgotForm({ language, searchParams, passwordChange, security, waiting }: Given) {
  const action = `${passwordPaths.forgot}?ui_locales=${language}`;
  const submit: Submit = async (body, request, response) => {
    const email = (body.get("email") ?? "").trim();
    const refusal = await refused({ security, language, event: requestedEvent }, async () => {
      checkRequest(RequestPasswordResetRequestSchema, create(RequestPasswordResetRequestSchema, { email }));
      await passwordChange.requestReset(email, clientAddress(request));
    });
    if (refusal === undefined) {
      return redirect(response, `${action}&sent=yes`);
    }
    const typed = truncate(email, 254);
    sendRefusal(response, refusal, forgotPage({ action, email: typed, error: refusal, language }));
  };
  const shown = async () =>
    searchParams.has("sent")
      ? forgotSentPage({ language, waiting: await waiting() })
      : forgotPage({ action, email: "", error: undefined, language });
  return { shown, submit };
}

/** The page behind the link of a mail. */
function resetForm({ language, searchParams, passwordChange, security, waiting }: Given) {
  const action = `${passwordPaths.reset}?ui_locales=${language}`;
  const forgotPath = `${passwordPaths.forgot}?ui_locales=${language}`;
  const show = async (token: string, error: FormError | undefined) => {
    const minPasswordLength = await passwordChange.minLengthFor(token);
    return resetPage({ action, token, error, minPasswordLength, forgotPath, language });
  };
  const submit: Submit = async (body, request, response) => {
    const token = body.get("token") ?? "";
    const newPassword = body.get("password") ?? "";
    const refusal = await refused({ security, language, event: resetEvent, factor: "mailed_token" }, async () => {
      checkRequest(ResetPasswordRequestSchema, create(ResetPasswordRequestSchema, { token, newPassword }));
      await passwordChange.reset(token, newPassword, clientAddress(request));
    });
    if (refusal === undefined) {
      return send(response, 200, resetDonePage({ language, waiting: await waiting() }));
    }
    sendRefusal(response, refusal, await show(truncate(token, 200), refusal));
  };
  return { shown: () => show(searchParams.get("token") ?? "", undefined), submit };
}

/** The events of the RPCs that do the same. */
const requestedEvent = "password.reset_requested";
const resetEvent = "password.reset";

type Recorded = {
  readonly security: SecurityLog | undefined;
  readonly language: Language;
  readonly event: RecordedEvent;
  readonly factor?: string;
};

/** Runs what a form asks for and records it. Returns how to show a refusal; nothing if it succeeded. */
async function refused(
  { security, language, event, factor = "" }: Recorded,
  run: () => Promise<void>,
): Promise<Refusal | undefined> {
  const record = (error?: unknown) => {
    const object = { kind: "user", id: callContext()?.securityNote?.objectId ?? "" };
    security?.record({ event, object, factor, error });
  };
  try {
    await run();
    record();
    return undefined;
  } catch (error) {
    record(error);
    return refusalOf(error, language);
  }
}

import type { IncomingMessage, ServerResponse } from "node:http";
import type { SecurityLog } from "@sagacart/chassis/auth/security-log";
import { callContext } from "@sagacart/chassis/context";
import type { EmailChange } from "../users/email-change.ts";
import { clientAddress, readForm, send, sendRefusal } from "./html-forms.ts";
import { languageOf } from "./language.ts";
import { emailDonePage, emailPage, errorPage, type WaitingSignIn } from "./pages.ts";
import { refusalOf } from "./refusals.ts";

/** The paths of the pages behind the links in mails; each takes the token in its query. */
export const emailPaths = { confirm: "/oidc/confirm-email", undo: "/oidc/undo-email-change" } as const;

export type EmailPagesOptions = {
  readonly emailChange: EmailChange;
  readonly security?: SecurityLog | undefined;
  /** Finds the sign-in that waits in this browser, for example for the address of a new user to be confirmed. */
  waiting(request: IncomingMessage): Promise<WaitingSignIn | undefined>;
};

/**
 * Handles the pages that confirm an address or undo a change. Opening one shows a button and does nothing: mail programs open
 * links before people do. The token is the proof, so the form needs no other protection.
 */
export function emailPages({ emailChange, security, waiting }: EmailPagesOptions) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://identity");
    const language = languageOf(searchParams.get("ui_locales"), request);
    const action = pathname === emailPaths.undo ? "undo" : "confirm";
    if (request.method !== "POST") {
      const token = searchParams.get("token") ?? "";
      return send(response, 200, emailPage({ action, path: pathname, token, language }));
    }
    const body = await readForm(request, response, language);
    if (body === undefined) {
      return;
    }
    const done = (error?: unknown) => {
      const object = { kind: "user", id: callContext()?.securityNote?.objectId ?? "" };
      security?.record({ event: events[action], object, factor: "mailed_token", error });
    };
    try {
      await emailChange[action](body.get("token") ?? "", clientAddress(request));
      done();
    } catch (error) {
      done(error);
      const refusal = refusalOf(error, language);
      return sendRefusal(response, refusal, errorPage(refusal.text, language));
    }
    // A change that was undone has ended everything.
    const next = action === "confirm" ? await waiting(request) : undefined;
    send(response, 200, emailDonePage(action, { language, waiting: next }));
  };
}

/** The events of the RPCs that do the same. */
const events = { confirm: "email.confirmed", undo: "email.change_undone" } as const;

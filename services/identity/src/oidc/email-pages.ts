import type { IncomingMessage, ServerResponse } from "node:http";
import type { SecurityLog } from "@sagacart/chassis/auth/security-log";
import { callContext } from "@sagacart/chassis/context";
import { DomainError } from "@sagacart/chassis/errors";
import type { EmailChange } from "../users/email-change.ts";
import { clientAddress, readForm, send } from "./html-forms.ts";
import { emailPage, errorPage } from "./pages.ts";

/** The paths of the pages behind the links in mails; each takes the token in its query. */
export const emailPaths = { confirm: "/oidc/confirm-email", undo: "/oidc/undo-email-change" } as const;

/**
 * Handles the pages that confirm an address or undo a change. Opening one shows a button and does nothing: mail programs open
 * links before people do. The token is the proof, so the form needs no other protection.
 */
export function emailPages(emailChange: EmailChange, security?: SecurityLog) {
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://identity");
    const action = pathname === emailPaths.undo ? "undo" : "confirm";
    if (request.method !== "POST") {
      return send(response, 200, emailPage({ action, path: pathname, token: searchParams.get("token") ?? "" }));
    }
    const token = (await readForm(request)).get("token") ?? "";
    const done = (error?: unknown) => {
      const object = { kind: "user", id: callContext()?.securityNote?.objectId ?? "" };
      security?.record({ event: events[action], object, factor: "mailed_token", error });
    };
    try {
      await emailChange[action](token, clientAddress(request));
      done();
    } catch (error) {
      done(error);
      if (!(error instanceof DomainError)) {
        throw error;
      }
      return send(response, 400, errorPage(`${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`));
    }
    send(response, 200, emailPage({ action, path: "", token: "" }));
  };
}

/** The events of the RPCs that do the same. */
const events = { confirm: "email.confirmed", undo: "email.change_undone" } as const;

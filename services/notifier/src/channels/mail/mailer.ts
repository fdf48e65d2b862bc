import { withSmtpOptions } from "@sagacart/chassis/client/smtp-url";
import { createTransport } from "nodemailer";
import { isMailable } from "../../messages/mailable.ts";
import type { Rendered } from "../../templates/engine.ts";
import type { Outgoing } from "./send-store.ts";

/** The result of handing a message to the mail server. */
export type Sent =
  | { readonly kind: "sent" }
  | {
      readonly kind: "failed";
      readonly error: string;
      /** True if the server refused the message for good, so that a retry is useless. */
      readonly isPermanent: boolean;
    };

export type Mail = Rendered &
  Pick<Outgoing, "id" | "recipient" | "createTime"> & {
    /** Turns off mails of this kind by a POST; "" if that is not possible. */
    readonly unsubscribeUrl: string;
  };

export type Mailer = AsyncDisposable & {
  /** Hands a message for one recipient to the mail server. Never rejects. */
  send(message: Mail): Promise<Sent>;
};

/** Creates a mailer for the SMTP server at the URL: smtp: or smtps:, with user and password if needed, see withSmtpOptions. */
export function createMailer({ smtpUrl, from }: { smtpUrl: string; from: string }): Mailer {
  const transport = createTransport(withSmtpOptions(smtpUrl, pooled));
  return {
    async send({ id, recipient, subject, text, html, createTime, unsubscribeUrl }) {
      if (!isMailable(recipient)) {
        return { kind: "failed", error: "no mail can be sent to this address", isPermanent: true };
      }
      try {
        await transport.sendMail({
          from,
          // An object is one address; a string could be parsed as a list.
          to: { name: "", address: recipient },
          subject,
          text,
          html,
          // The same for every attempt, so that a duplicate can be recognized.
          messageId: `<${id}@sagacart>`,
          date: createTime,
          headers: {
            "Auto-Submitted": "auto-generated",
            ...(unsubscribeUrl === "" ? {} : oneClick(unsubscribeUrl)),
          },
          disableFileAccess: true,
          disableUrlAccess: true,
        });
        return { kind: "sent" };
      } catch (error) {
        return {
          kind: "failed",
          error: error instanceof Error ? error.message : String(error),
          isPermanent: isPermanent(error),
        };
      }
    },
    async [Symbol.asyncDispose]() {
      transport.close();
    },
  };
}

/** Returns the headers for one-click unsubscription in mail programs (RFC 8058). */
function oneClick(url: string): Record<string, string> {
  return { "List-Unsubscribe": `<${url}>`, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" };
}

/** A small connection pool, and timeouts. */
const pooled = {
  pool: "true",
  maxConnections: "5",
  connectionTimeout: "5000",
  greetingTimeout: "5000",
  socketTimeout: "15000",
  dnsTimeout: "5000",
};

/** Returns true for a 5xx to the envelope or the message. One to the greeting or the login can be fixed on our side. */
function isPermanent(error: unknown): boolean {
  return (
    error instanceof Error &&
    "responseCode" in error &&
    typeof error.responseCode === "number" &&
    error.responseCode >= 500 &&
    "code" in error &&
    (error.code === "EENVELOPE" || error.code === "EMESSAGE")
  );
}

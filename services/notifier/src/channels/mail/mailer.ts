import { createTransport } from "nodemailer";
import type { Letter } from "../../templates/engine.ts";
import type { Outgoing } from "./send-store.ts";

/** What came of handing a message to the mail server. */
export type Sent =
  | { readonly kind: "sent" }
  | {
      readonly kind: "failed";
      readonly error: string;
      /** The server will never take this message, so that there is no use in trying again. */
      readonly isPermanent: boolean;
    };

export type Mail = Letter &
  Pick<Outgoing, "id" | "recipient" | "createTime"> & {
    /** Turns mails like this one off by a POST; "" where that cannot be. */
    readonly unsubscribeUrl: string;
  };

export type Mailer = AsyncDisposable & {
  /** Hands a message to the mail server, for its recipient alone. Never rejects. */
  send(message: Mail): Promise<Sent>;
};

/** Sends by the SMTP server at the URL (smtp: or smtps:, with user and password where it wants them). */
export function createMailer({ smtpUrl, from }: { smtpUrl: string; from: string }): Mailer {
  const transport = createTransport(pooled(smtpUrl));
  return {
    async send({ id, recipient, subject, text, html, createTime, unsubscribeUrl }) {
      try {
        await transport.sendMail({
          from,
          // As an object, it is one address and never a list of them.
          to: { name: "", address: recipient },
          subject,
          text,
          html,
          // The same however often it is sent, so that a second one can be told for what it is.
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

/** What makes mail programs show a button of their own (RFC 8058). */
function oneClick(url: string): Record<string, string> {
  return { "List-Unsubscribe": `<${url}>`, "List-Unsubscribe-Post": "List-Unsubscribe=One-Click" };
}

/** A few connections, kept open; each with limits on its times. */
function pooled(smtpUrl: string): string {
  const url = new URL(smtpUrl);
  const defaults = {
    pool: "true",
    maxConnections: "5",
    connectionTimeout: "5000",
    greetingTimeout: "5000",
    socketTimeout: "15000",
    dnsTimeout: "5000",
  };
  for (const [name, value] of Object.entries(defaults)) {
    if (!url.searchParams.has(name)) {
      url.searchParams.set(name, value);
    }
  }
  return url.href;
}

/** A 5xx to the envelope or the message. One to the greeting or the login is about us, and may be mended. */
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

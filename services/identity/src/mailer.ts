import { setTimeout } from "node:timers/promises";
import { withSmtpOptions } from "@sagacart/chassis/client/smtp-url";
import type { Log } from "@sagacart/chassis/process/log";
import { createTransport } from "nodemailer";

export type Mail = { readonly to: string; readonly subject: string; readonly text: string };

export type Mailer = AsyncDisposable & {
  /**
   * Sends in the background: the time that a call waits for it would reveal that the user exists. Tries three times,
   * then logs the failure; the recipient has to ask again.
   */
  sendInBackground(mail: Mail): void;
};

/** Creates a mailer for the SMTP server at the URL. Disposal waits for mails being sent, and retries none. */
export function createMailer({ smtpUrl, from, log }: { smtpUrl: string; from: string; log: Log }): Mailer {
  const transport = createTransport(withSmtpOptions(smtpUrl, timeouts));
  const inFlight = new Set<Promise<void>>();
  const closing = new AbortController();

  async function send({ to, subject, text }: Mail): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await transport.sendMail({
          from,
          // An object is one address; a string could be parsed as a list.
          to: { name: "", address: to },
          subject,
          text,
          headers: { "Auto-Submitted": "auto-generated" },
          disableFileAccess: true,
          disableUrlAccess: true,
        });
        return;
      } catch (error) {
        // A shutdown does not wait for an unreachable server.
        if (attempt >= 3 || closing.signal.aborted) {
          // The recipient may have mistyped the address, and asks again; a shutdown is nobody's fault.
          const isAnswered = error instanceof Error && "responseCode" in error;
          const level = isAnswered || closing.signal.aborted ? "warn" : "error";
          log[level]({ error, subject }, "failed to send a mail");
          return;
        }
        await setTimeout(500 * 2 ** attempt, undefined, { signal: closing.signal }).catch(() => {});
      }
    }
  }

  return {
    sendInBackground(mail) {
      const sending = send(mail).finally(() => inFlight.delete(sending));
      inFlight.add(sending);
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await Promise.all(inFlight);
      transport.close();
    },
  };
}

const timeouts = { connectionTimeout: "5000", greetingTimeout: "5000", socketTimeout: "15000", dnsTimeout: "5000" };

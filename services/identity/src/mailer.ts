import { setTimeout } from "node:timers/promises";
import type { Log } from "@sagacart/chassis/process/log";
import { createTransport } from "nodemailer";

export type Mail = { readonly to: string; readonly subject: string; readonly text: string };

export type Mailer = AsyncDisposable & {
  /**
   * Sends beside the call that asks for it: how long it takes would tell whether there is such a user. Tried three
   * times; then it is in the log, and whoever waits for it asks again.
   */
  post(mail: Mail): void;
};

/** Sends by the SMTP server at the URL. Closing it waits for what is being sent, and tries nothing again. */
export function createMailer({ smtpUrl, from, log }: { smtpUrl: string; from: string; log: Log }): Mailer {
  const transport = createTransport(withTimeouts(smtpUrl));
  const underWay = new Set<Promise<void>>();
  const closing = new AbortController();

  async function send({ to, subject, text }: Mail): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await transport.sendMail({
          from,
          // As an object, it is one address and never a list of them.
          to: { name: "", address: to },
          subject,
          text,
          headers: { "Auto-Submitted": "auto-generated" },
          disableFileAccess: true,
          disableUrlAccess: true,
        });
        return;
      } catch (error) {
        // Who stops does not wait for a server that is away.
        if (attempt >= 3 || closing.signal.aborted) {
          log.error({ error, subject }, "a mail could not be sent");
          return;
        }
        await setTimeout(500 * 2 ** attempt, undefined, { signal: closing.signal }).catch(() => {});
      }
    }
  }

  return {
    post(mail) {
      const sending = send(mail).finally(() => underWay.delete(sending));
      underWay.add(sending);
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await Promise.all(underWay);
      transport.close();
    },
  };
}

function withTimeouts(smtpUrl: string): string {
  const url = new URL(smtpUrl);
  const defaults = { connectionTimeout: "5000", greetingTimeout: "5000", socketTimeout: "15000", dnsTimeout: "5000" };
  for (const [name, value] of Object.entries(defaults)) {
    if (!url.searchParams.has(name)) {
      url.searchParams.set(name, value);
    }
  }
  return url.href;
}

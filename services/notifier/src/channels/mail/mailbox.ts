import type { Readable } from "node:stream";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { logFailure } from "@sagacart/chassis/process/failure-log";
import type { Log } from "@sagacart/chassis/process/log";
import { uuidv7 } from "@sagacart/chassis/uuid";
import PostalMime from "postal-mime";
import { SMTPServer } from "smtp-server";
import { oneLine } from "../../intake/order-event.ts";
import { insertMail } from "./mail-store.ts";

export type Mailbox = AsyncDisposable & { readonly port: number };

export type MailboxOptions = {
  readonly pool: Pool;
  /** The address to listen on; loopback by default. */
  readonly host?: string;
  /** 0 chooses a free port. */
  readonly port: number;
  readonly log: Log;
};

/** Starts an SMTP server that stores all mail. A mail is stored before it is acknowledged. */
export async function startMailbox({ pool, host = "127.0.0.1", port, log }: MailboxOptions): Promise<Mailbox> {
  const server = new SMTPServer({
    authOptional: true,
    // How long open connections may delay the shutdown, in ms.
    closeTimeout: 500,
    disabledCommands: ["AUTH", "STARTTLS"],
    disableReverseLookup: true,
    onData(stream, session, callback) {
      const recipients = session.envelope.rcptTo.map(({ address }) => address.toLowerCase());
      store(pool, stream, recipients).then(
        () => callback(),
        (error) => {
          logFailure(log, { error }, "failed to store a mail");
          callback(Object.assign(new Error("the mail could not be stored; try again"), { responseCode: 451 }));
        },
      );
    },
  });
  server.on("error", (error) => log.debug({ error }, "a connection to the mailbox failed"));
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.server.once("error", reject);
  server.listen(port, host, resolve);
  await listening;
  const address = server.server.address();
  return {
    port: address !== null && typeof address === "object" ? address.port : port,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(resolve)),
  };
}

async function store(pool: Pool, stream: Readable, recipients: readonly string[]): Promise<void> {
  const chunks: Buffer[] = await stream.toArray();
  const mail = await PostalMime.parse(Buffer.concat(chunks));
  await insertMail(pool, {
    id: uuidv7(),
    messageId: oneLine(mail.messageId, 1_000),
    from: oneLine(mail.from?.address, 320),
    to: recipients.map((recipient) => oneLine(recipient, 320)),
    subject: oneLine(mail.subject, 1_000),
    text: (mail.text ?? "").replaceAll("\0", ""),
    html: (mail.html ?? "").replaceAll("\0", ""),
    unsubscribe: oneLine(mail.headers.find(({ key }) => key === "list-unsubscribe")?.value, 2_000),
  });
}

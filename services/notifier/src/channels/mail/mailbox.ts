import type { Readable } from "node:stream";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { uuidv7 } from "@sagacart/chassis/uuid";
import PostalMime from "postal-mime";
import { SMTPServer } from "smtp-server";
import { oneLine } from "../../intake/order-event.ts";

/** A mail as the mailbox took it. */
export type Mail = {
  readonly id: string;
  readonly messageId: string;
  readonly from: string;
  readonly to: readonly string[];
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** What it says of how to turn mails like it off: the header List-Unsubscribe. */
  readonly unsubscribe: string;
  readonly receiveTime: Date;
};

export type Mailbox = AsyncDisposable & { readonly port: number };

export type MailboxOptions = {
  readonly pool: Pool;
  /** The address to listen on; loopback when absent. */
  readonly host?: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly log: Log;
};

/** A mail server that keeps what it is sent. A mail is stored before it is acknowledged. */
export async function startMailbox({ pool, host = "127.0.0.1", port, log }: MailboxOptions): Promise<Mailbox> {
  const server = new SMTPServer({
    authOptional: true,
    // How long connections that nobody uses any more may hold up the end.
    closeTimeout: 500,
    disabledCommands: ["AUTH", "STARTTLS"],
    disableReverseLookup: true,
    onData(stream, session, callback) {
      const recipients = session.envelope.rcptTo.map(({ address }) => address.toLowerCase());
      keep(pool, stream, recipients).then(
        () => callback(),
        (error) => {
          log.error({ error }, "a mail could not be kept");
          callback(Object.assign(new Error("the mail could not be kept; try again"), { responseCode: 451 }));
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

async function keep(pool: Pool, stream: Readable, recipients: readonly string[]): Promise<void> {
  const chunks: Buffer[] = await stream.toArray();
  const mail = await PostalMime.parse(Buffer.concat(chunks));
  await pool.query({
    name: "insert-mail",
    text: `insert into mails (id, message_id, sender, recipients, subject, text, html, unsubscribe)
           values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    values: [
      uuidv7(),
      oneLine(mail.messageId, 1_000),
      oneLine(mail.from?.address, 320),
      recipients.map((recipient) => oneLine(recipient, 320)),
      oneLine(mail.subject, 1_000),
      (mail.text ?? "").replaceAll("\0", ""),
      (mail.html ?? "").replaceAll("\0", ""),
      oneLine(mail.headers.find(({ key }) => key === "list-unsubscribe")?.value, 2_000),
    ],
  });
}

/** Mails, newest first: to one address or ("") all, older than the one with this id or ("") from the newest. */
export async function listMails(
  pool: Pool,
  { to, beforeId, limit }: { to: string; beforeId: string; limit: number },
): Promise<Mail[]> {
  const { rows } = await pool.query<Row>(
    `${select} where ($1 = '' or recipients @> array[$1]) and ($2 = '' or id < $2) order by id desc limit $3`,
    [to.toLowerCase(), beforeId, limit],
  );
  return rows.map(toMail);
}

/** A mail by its id. */
export async function findMail(pool: Pool, id: string): Promise<Mail | undefined> {
  const { rows } = await pool.query<Row>(`${select} where id = $1`, [id]);
  return rows.map(toMail)[0];
}

type Row = {
  id: string;
  message_id: string;
  sender: string;
  recipients: string[];
  subject: string;
  text: string;
  html: string;
  unsubscribe: string;
  receive_time: Date;
};

const select = "select id, message_id, sender, recipients, subject, text, html, unsubscribe, receive_time from mails";

function toMail(row: Row): Mail {
  return {
    id: row.id,
    messageId: row.message_id,
    from: row.sender,
    to: row.recipients,
    subject: row.subject,
    text: row.text,
    html: row.html,
    unsubscribe: row.unsubscribe,
    receiveTime: row.receive_time,
  };
}

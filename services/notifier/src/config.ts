import {
  durationMs,
  type Env,
  flag,
  int,
  optional,
  port,
  readEnv,
  secrets,
  serviceEnv,
  text,
  url,
} from "@sagacart/chassis/process/config";
import { webhookEnv } from "./channels/webhooks/config.ts";
import { isMailable } from "./messages/mailable.ts";

/** Reads the configuration of the notifier from the environment. */
export function readConfig(env: Env) {
  return readEnv(
    {
      ...serviceEnv(8085),
      /** The address of order, whose events the notifier reads. */
      ORDER_ADDRESS: text({ default: "127.0.0.1:8081" }),
      /** The address of identity, whose feed tells which users were deleted. */
      IDENTITY_ADDRESS: text({ default: "127.0.0.1:8086" }),
      /** How long after a user's deletion the personal data here is deleted: longer than calls and transactions last. */
      ERASURE_SETTLE_MS: durationMs(30_000),
      /** The port of a built-in mail server that stores all mail; 0 chooses a free one. Off if not set. */
      MAILBOX_SMTP_PORT: optional(port()),
      /** The address that the mailbox listens on. It accepts mail from anyone: use it beyond loopback for trials only. */
      MAILBOX_SMTP_HOST: text({ default: "127.0.0.1" }),
      /** The SMTP server for outgoing mail, for example smtp://user:password@host:587. STARTTLS is required, unless it says ?requireTLS=false. Defaults to the mailbox if it is on. */
      SMTP_URL: smtpUrl,
      /** The sender of mails. */
      MAIL_FROM: text({ default: "Sagacart <orders@sagacart.example>" }),
      /** The most mails to one mailbox within an hour, of all customers together. More are recorded as suppressed, and stay in the inbox. 0: any number. */
      MAILS_PER_RECIPIENT_AND_HOUR: int({ min: 0, max: 10_000, default: 20 }),
      /** Sends mail about orders to registered addresses that are not verified, and all kinds of mail to addresses that checkouts and contacts name. Set 0 once customers verify theirs: other addresses then get only what cannot be turned off. */
      MAIL_UNVERIFIED_ADDRESSES: flag(true),
      /** Mail addresses of the shop's operators, with commas: they hear of disputes, and of refunds from outside. */
      OPERATOR_EMAILS: operatorEmails,
      /** The shop's name in messages. */
      SHOP_NAME: text({ default: "Sagacart" }),
      /** The URL at which customers reach the shop and its page to unsubscribe. */
      PUBLIC_URL: publicUrl,
      /** Secrets of 32 characters or more for unsubscribe links, with commas. The first signs, all verify. */
      UNSUBSCRIBE_SECRETS: secrets({ minLength: 32 }),
      /** Days that messages are kept. Customers are not notified of older events. */
      MESSAGE_KEEP_DAYS: int({ min: 2, max: 3_650, default: 90 }),
      /** Attempts before a message is given up. The default takes a day with the default pause. */
      MAIL_ATTEMPTS: int({ min: 1, max: 100, default: 36 }),
      /** The pause after the first failed attempt; it doubles with each, up to an hour. */
      MAIL_RETRY_MS: durationMs(1_000),
      /** The lease of a claimed message. A crash delays its messages by this; a lease that is too short sends some twice. */
      MAIL_LEASE_MS: int({ min: 1_000, max: 600_000, default: 60_000 }),
      ...webhookEnv,
    },
    env,
  );
}

export type Config = ReturnType<typeof readConfig>;

function publicUrl(value: string | undefined, env: Env): string {
  return url({ protocols: ["http:", "https:"], default: "http://localhost:8080" })(value, env).replace(/\/+$/, "");
}

function operatorEmails(value: string | undefined): readonly string[] {
  const addresses = (value ?? "").split(",").flatMap((address) => address.trim() || []);
  const wrong = addresses.find((address) => !isMailable(address));
  if (wrong !== undefined) {
    throw new Error(`must be e-mail addresses separated by commas, got ${JSON.stringify(wrong)}`);
  }
  return [...new Set(addresses)];
}

function smtpUrl(value: string | undefined, env: Env): string | undefined {
  const hasMailbox = env.MAILBOX_SMTP_PORT !== undefined && env.MAILBOX_SMTP_PORT !== "";
  return hasMailbox && value === undefined ? undefined : url({ protocols: ["smtp:", "smtps:"] })(value, env);
}

import {
  durationMs,
  type Env,
  int,
  optional,
  port,
  readEnv,
  serviceEnv,
  text,
  url,
} from "@sagacart/chassis/process/config";
import { webhookEnv } from "./channels/webhooks/config.ts";

/** The variables of the notifier. */
export function readConfig(env: Env) {
  return readEnv(
    {
      ...serviceEnv(8085),
      /** Where order serves its feed of events. */
      ORDER_ADDRESS: text({ default: "127.0.0.1:8081" }),
      /** The port of a mailbox of our own that keeps what is sent; 0 takes a free one. Absent: none. */
      MAILBOX_SMTP_PORT: optional(port()),
      /** Where the mailbox listens. It takes mail of anybody who reaches it, so beyond loopback only for trying. */
      MAILBOX_SMTP_HOST: text({ default: "127.0.0.1" }),
      /** The server that mail goes out by, as in smtp://user:password@host:587. Our own mailbox where there is one. */
      SMTP_URL: smtpUrl,
      MAIL_FROM: text({ default: "Sagacart <orders@sagacart.example>" }),
      /** What the shop is called in messages. */
      SHOP_NAME: text({ default: "Sagacart" }),
      /** Where customers reach the shop, and the gateway's page for unsubscribing: without a slash at the end. */
      PUBLIC_URL: publicUrl,
      /** What unsubscribe links are signed with. Several with commas: the first signs, the others still hold. */
      UNSUBSCRIBE_SECRETS: unsubscribeSecrets,
      /** For how many days messages are kept. Of events older than that nobody is told. */
      MESSAGE_KEEP_DAYS: int({ min: 2, max: 3_650, default: 90 }),
      /** How often a message is tried before it is given up. With the pause as it is, that takes a day. */
      MAIL_ATTEMPTS: int({ min: 1, max: 100, default: 36 }),
      /** The pause after the first failure; it doubles with each, up to an hour. */
      MAIL_RETRY_MS: durationMs(1_000),
      /** How long what a process took to send is left to it: a crash delays those by this, a shorter time sends twice. */
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

function unsubscribeSecrets(value: string | undefined): readonly string[] {
  const secrets = (value ?? "").split(",").map((secret) => secret.trim());
  if (secrets.some((secret) => secret.length < 32)) {
    throw new Error(`must be a secret of 32 characters or more, or several with commas between them`);
  }
  return secrets;
}

function smtpUrl(value: string | undefined, env: Env): string | undefined {
  const hasMailbox = env.MAILBOX_SMTP_PORT !== undefined && env.MAILBOX_SMTP_PORT !== "";
  return hasMailbox && value === undefined ? undefined : url({ protocols: ["smtp:", "smtps:"] })(value, env);
}

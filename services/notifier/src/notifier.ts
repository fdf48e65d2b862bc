import type { Client, ConnectRouter } from "@connectrpc/connect";
import type { Log } from "@sagacart/chassis/log";
import { gauge, type Metrics } from "@sagacart/chassis/metrics";
import type { Pool } from "@sagacart/chassis/postgres";
import { createWake } from "@sagacart/chassis/wake";
import type { EventService } from "@sagacart/proto/event/v1/event_service";
import { MailboxService, NotifierService } from "@sagacart/proto/notifier/v1/notifier_service";
import type { Config } from "./config.ts";
import { startMailbox } from "./mailbox.ts";
import { mailboxService } from "./mailbox-service.ts";
import { createMailer } from "./mailer.ts";
import { startReading } from "./reading.ts";
import { startSending } from "./sending.ts";
import { notifierService } from "./service.ts";

export type NotifierOptions = {
  config: Config;
  pool: Pool;
  log: Log;
  metrics: Metrics;
  /** The feed of orders. */
  events: Client<typeof EventService>;
};

/** The notifier with all that runs in its background. */
export async function startNotifier({ config, pool, log, metrics, events }: NotifierOptions): Promise<{
  routes(router: ConnectRouter): void;
  background: AsyncDisposable[];
}> {
  const { MAILBOX_SMTP_PORT: port } = config;
  const mailbox = port === undefined ? undefined : await startMailbox({ pool, port, log });
  const smtpUrl = config.SMTP_URL ?? `smtp://127.0.0.1:${mailbox?.port}`;
  const mailer = createMailer({ smtpUrl, from: config.MAIL_FROM });
  const wake = createWake({ url: config.DATABASE_URL, channel: "messages_recorded", log });
  const onMessages = () => wake.wake();
  let skipped = 0;
  gauge(metrics, "notifier_skipped_events", "Events that could not be understood, since the start.", () => skipped);
  const onSkipped = (count: number) => {
    skipped += count;
  };
  const { MAIL_ATTEMPTS: attempts, MAIL_RETRY_MS: retryMs } = config;
  const reading = startReading({ pool, log, events, onMessages, onSkipped });
  const sending = startSending({ pool, log, mailer, attempts, retryMs, wake });
  return {
    routes(router) {
      router.service(NotifierService, notifierService({ pool, onMessages }));
      if (mailbox !== undefined) {
        router.service(MailboxService, mailboxService({ pool }));
      }
    },
    background: [...(mailbox === undefined ? [] : [mailbox]), mailer, wake, sending, reading],
  };
}

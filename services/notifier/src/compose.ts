import type { Client, ConnectRouter } from "@connectrpc/connect";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { createWake } from "@sagacart/chassis/postgres/wake";
import { whenAvailable } from "@sagacart/chassis/postgres/when-available";
import type { Log } from "@sagacart/chassis/process/log";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import type { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import type { EventService } from "@sagacart/proto/event/v1/event_service";
import { InboxService } from "@sagacart/proto/notifier/v1/inbox_service";
import { MailboxService, NotifierService } from "@sagacart/proto/notifier/v1/notifier_service";
import { PreferenceService } from "@sagacart/proto/notifier/v1/preference_service";
import { TemplateService } from "@sagacart/proto/notifier/v1/template_service";
import { inboxService } from "./channels/inbox/inbox-service.ts";
import { createInboxWatch } from "./channels/inbox/inbox-watch.ts";
import { startMailbox } from "./channels/mail/mailbox.ts";
import { mailboxService } from "./channels/mail/mailbox-service.ts";
import { createMailer } from "./channels/mail/mailer.ts";
import { startSending } from "./channels/mail/sending.ts";
import type { Config } from "./config.ts";
import { startReading } from "./intake/read-feed.ts";
import { startRegisteredAddresses } from "./intake/registered-addresses.ts";
import { notifierService } from "./messages/message-service.ts";
import { preferenceService } from "./messages/preference-service.ts";
import { startPruning } from "./messages/pruning.ts";
import { signUnsubscription } from "./messages/unsubscribe-token.ts";
import { createMeters } from "./meters.ts";
import { createRenderer } from "./templates/renderer.ts";
import { templateService } from "./templates/template-service.ts";
import { seedTemplates } from "./templates/template-store.ts";

export type NotifierOptions = {
  config: Config;
  pool: Pool;
  log: Log;
  metrics: Metrics;
  /** The feed of orders, and the positions of its consumers. */
  events: Client<typeof EventService>;
  consumers: Client<typeof ConsumerService>;
  /** The feed of users, for their registered addresses; absent where identity is not the issuer. */
  users?: { events: Client<typeof EventService>; consumers: Client<typeof ConsumerService> };
};

/** Starts the notifier: wires the RPC handlers and the background loops. Webhooks are apart, see channels/webhooks. */
export async function startNotifier({
  config,
  pool,
  log,
  metrics,
  events,
  consumers,
  users,
}: NotifierOptions): Promise<{
  routes(router: ConnectRouter): void;
  background: AsyncDisposable[];
}> {
  await whenAvailable(log, () => seedTemplates(pool));
  const { MAILBOX_SMTP_HOST: host, MAILBOX_SMTP_PORT: port, UNSUBSCRIBE_SECRETS: unsubscribeSecrets } = config;
  const mailbox = port === undefined ? undefined : await startMailbox({ pool, host, port, log });
  const smtpUrl = config.SMTP_URL ?? `smtp://127.0.0.1:${mailbox?.port}`;
  const mailer = createMailer({ smtpUrl, from: config.MAIL_FROM });
  const renderer = createRenderer({
    pool,
    shopName: config.SHOP_NAME,
    shopUrl: config.PUBLIC_URL,
    unsubscribeUrl: (data) => `${config.PUBLIC_URL}/unsubscribe?token=${signUnsubscription(data, unsubscribeSecrets)}`,
  });
  const mails = createWake({ url: config.DATABASE_URL, channel: "messages_recorded", log });
  const inboxes = createWake({ url: config.DATABASE_URL, channel: "inboxes_changed", log });
  const inboxWatch = createInboxWatch({ pool, log, wake: inboxes });
  const meters = createMeters({ metrics, pool, log });
  const {
    MAIL_ATTEMPTS: attempts,
    MAIL_RETRY_MS: retryMs,
    MAIL_LEASE_MS: leaseMs,
    MESSAGE_KEEP_DAYS: keepDays,
  } = config;
  const reading = startReading({
    ...{ pool, log, events, consumers, maxAgeDays: keepDays - 1, operators: config.OPERATOR_EMAILS },
    mailsUnverified: config.MAIL_UNVERIFIED_ADDRESSES,
    onMessages() {
      mails.wake();
      inboxes.wake();
    },
    onSkipped: (count) => meters.skipped(count),
  });
  const addresses =
    users === undefined
      ? []
      : [
          startRegisteredAddresses({
            ...{ pool, log, ...users, mailsUnverified: config.MAIL_UNVERIFIED_ADDRESSES },
            onMails: () => mails.wake(),
          }),
        ];
  const sending = startSending({
    ...{ pool, log, mailer, renderer, meters, attempts, retryMs, leaseMs, wake: mails },
    mailsPerHour: config.MAILS_PER_RECIPIENT_AND_HOUR,
  });
  const pruning = startPruning({ pool, log, keepDays });
  return {
    routes(router) {
      router.service(NotifierService, notifierService({ pool, renderer, onMessages: () => mails.wake() }));
      router.service(TemplateService, templateService({ pool }));
      router.service(PreferenceService, preferenceService({ pool, unsubscribeSecrets }));
      const { watch } = inboxWatch;
      router.service(InboxService, inboxService({ pool, renderer, watch, onChanges: () => inboxes.wake() }));
      if (mailbox !== undefined) {
        router.service(MailboxService, mailboxService({ pool }));
      }
    },
    background: [
      ...(mailbox === undefined ? [] : [mailbox]),
      ...[mailer, mails, inboxes, inboxWatch, pruning, sending, reading, ...addresses],
    ],
  };
}

import type { AddressInfo } from "node:net";
import { type Client, type ConnectRouter, createClient } from "@connectrpc/connect";
import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { createMetrics, type Metrics } from "@sagacart/chassis/process/metrics";
import { type TestDatabase, testDatabase } from "@sagacart/chassis/testing/database";
import { inMemory } from "@sagacart/chassis/testing/in-memory";
import { silentLog } from "@sagacart/chassis/testing/log";
import { startProcess, type TestProcess } from "@sagacart/chassis/testing/process";
import { startTestFeed as startFeed, type TestFeed } from "@sagacart/outbox/testing/test-feed";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { InboxService } from "@sagacart/proto/notifier/v1/inbox_service";
import { MailboxService, NotifierService } from "@sagacart/proto/notifier/v1/notifier_service";
import { PreferenceService } from "@sagacart/proto/notifier/v1/preference_service";
import { TemplateService } from "@sagacart/proto/notifier/v1/template_service";
import PostalMime, { type Email } from "postal-mime";
import { SMTPServer } from "smtp-server";
import { startNotifier } from "../compose.ts";
import { readConfig } from "../config.ts";

/** Starts a feed of orders like order's, with its own database and port. `twice` delivers every page twice. */
export function startTestFeed({ twice = false } = {}): Promise<TestFeed> {
  return startFeed("/sagacart/order", twice ? deliveringTwice : undefined);
}

function deliveringTwice(routes: (router: ConnectRouter) => void): (router: ConnectRouter) => void {
  const original = createClient(EventService, inMemory(routes, "order.sagacart"));
  return (router) => {
    routes(router);
    // The last registration wins.
    router.service(EventService, {
      async *subscribeEvents(request, { signal }) {
        for await (const page of original.subscribeEvents(request, { signal })) {
          yield page;
          yield page;
        }
      },
    });
  };
}

export type TestNotifier = AsyncDisposable & {
  readonly routes: (router: ConnectRouter) => void;
  readonly metrics: Metrics;
  readonly notifier: Client<typeof NotifierService>;
  readonly mailbox: Client<typeof MailboxService>;
  readonly templates: Client<typeof TemplateService>;
  readonly preferences: Client<typeof PreferenceService>;
  readonly inbox: Client<typeof InboxService>;
};

/** The secret of unsubscribe links. */
export const testSecret = "a secret of the tests and of nothing else";

/** Creates a database for one notifier or for several replicas. */
export function notifierDatabase(): Promise<TestDatabase> {
  return testDatabase(new URL("../../migrations/", import.meta.url));
}

/** Starts a notifier that reads the feed at the address, with short pauses. */
export async function startTestNotifier(options: {
  feedAddress: string;
  /** The address of a feed of users; without it, none is read. */
  usersAddress?: string;
  database: TestDatabase;
  env: Record<string, string>;
}): Promise<TestNotifier> {
  const stack = new AsyncDisposableStack();
  const channel = stack.use(openChannel(options.feedAddress));
  const users = options.usersAddress === undefined ? undefined : stack.use(openChannel(options.usersAddress));
  const config = readConfig({
    DATABASE_URL: options.database.url,
    UNSUBSCRIBE_SECRETS: testSecret,
    MAIL_RETRY_MS: "40",
    // Tests about other things send many mails to one address.
    MAILS_PER_RECIPIENT_AND_HOUR: "0",
    ...options.env,
  });
  const metrics = createMetrics("notifier");
  const running = await startNotifier({
    config,
    pool: options.database.pool,
    log: silentLog,
    metrics,
    events: createServiceClient(EventService, channel),
    consumers: createServiceClient(ConsumerService, channel),
    ...(users === undefined
      ? {}
      : {
          users: {
            events: createServiceClient(EventService, users),
            consumers: createServiceClient(ConsumerService, users),
          },
        }),
  });
  for (const part of running.background) {
    stack.use(part);
  }
  const transport = inMemory(running.routes, "notifier.sagacart");
  return {
    routes: running.routes,
    metrics,
    notifier: createClient(NotifierService, transport),
    mailbox: createClient(MailboxService, transport),
    templates: createClient(TemplateService, transport),
    preferences: createClient(PreferenceService, transport),
    inbox: createClient(InboxService, transport),
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

export type TestMailServer = AsyncDisposable & {
  readonly url: string;
  readonly port: number;
  /** The mails received, oldest first. */
  readonly mails: readonly (Email & { readonly recipients: readonly string[] })[];
  /** Answers a recipient with this code from now on; 250 accepts again. */
  answer(recipient: string, code: number): void;
  /** Sets what happens between receiving a mail and answering. */
  beforeAnswer(then: (mail: Email) => Promise<void>): void;
};

/** Starts an SMTP server; port 0 chooses a free one. */
export async function startTestMailServer(port = 0): Promise<TestMailServer> {
  const mails: (Email & { recipients: string[] })[] = [];
  const answers = new Map<string, number>();
  let beforeAnswer: (mail: Email) => Promise<void> = async () => {};
  const server = new SMTPServer({
    authOptional: true,
    closeTimeout: 500,
    disabledCommands: ["AUTH", "STARTTLS"],
    onRcptTo({ address }, _session, callback) {
      const responseCode = answers.get(address) ?? 250;
      callback(responseCode === 250 ? null : Object.assign(new Error("not this one"), { responseCode }));
    },
    onData(stream, session, callback) {
      stream.toArray().then(async (chunks: Buffer[]) => {
        const recipients = session.envelope.rcptTo.map(({ address }) => address);
        const mail = await PostalMime.parse(Buffer.concat(chunks));
        mails.push({ ...mail, recipients });
        await beforeAnswer(mail);
        callback();
      }, callback);
    },
  });
  server.on("error", () => {});
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const bound = (server.server.address() as AddressInfo).port;
  return {
    url: `smtp://127.0.0.1:${bound}`,
    port: bound,
    mails,
    answer: (recipient, code) => void answers.set(recipient, code),
    beforeAnswer(then) {
      beforeAnswer = then;
    },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** Starts the notifier as a process and waits until it is ready. */
export function startNotifierProcess(env: Record<string, string>): Promise<TestProcess> {
  return startProcess(new URL("../main.ts", import.meta.url), {
    UNSUBSCRIBE_SECRETS: testSecret,
    MAILS_PER_RECIPIENT_AND_HOUR: "0",
    ...env,
  });
}

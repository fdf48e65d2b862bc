import type { Client } from "@connectrpc/connect";
import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startEventConsumer } from "@sagacart/outbox/events/consumer";
import { eventCursor } from "@sagacart/outbox/events/cursor-store";
import type { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import type { Event } from "@sagacart/proto/event/v1/event";
import type { EventService } from "@sagacart/proto/event/v1/event_service";
import { isEmailAddress } from "./order-event.ts";
import { forgetRegistered, moveMails, type Registered, saveRegistered, sendHeldMails } from "./registered-store.ts";

/** The position in identity's feed up to which the registered addresses are known. */
const userCursor = eventCursor({ table: "cursors", feed: "identity" });

const deleted = "sagacart.user.deleted.v1";
const userEvents = [
  "sagacart.user.created.v1",
  "sagacart.user.email_changed.v1",
  "sagacart.user.email_verified.v1",
  deleted,
];

export type RegisteredAddressesOptions = {
  readonly pool: Pool;
  readonly log: Log;
  /** Identity's feed, and the positions of its consumers. */
  readonly events: Client<typeof EventService>;
  readonly consumers: Client<typeof ConsumerService>;
  /** False: an address that was not verified gets no mail. */
  readonly mailsUnverified: boolean;
  /** Called when mails may be due. */
  onMails(): void;
};

/** Reads from identity's feed with which addresses customers are registered, so that mail follows them. */
export function startRegisteredAddresses(options: RegisteredAddressesOptions): AsyncDisposable {
  const { mailsUnverified, onMails, ...reading } = options;
  return startEventConsumer({
    ...reading,
    name: "notifier.users",
    cursor: userCursor,
    types: userEvents,
    take: (tx, events) => takeAddresses(tx, events, { mailsUnverified }),
    onTaken: onMails,
  });
}

/**
 * Takes the addresses over, those mails with them that went to a former address and are not sent yet, and sends the mails
 * that waited for one. Only a user's newest event has an address, so the others change nothing.
 */
export async function takeAddresses(
  tx: Transaction,
  events: readonly Event[],
  { mailsUnverified }: { mailsUnverified: boolean },
): Promise<void> {
  for (const event of events) {
    if (event.type === deleted) {
      await forgetRegistered(tx, event.subject);
      continue;
    }
    const registered = readRegistered(event);
    if (registered === undefined) {
      continue;
    }
    const former = await saveRegistered(tx, registered);
    if (mailsUnverified || registered.isVerified) {
      await moveMails(tx, { ...registered, former });
      await sendHeldMails(tx, registered.customerId, registered.email);
    }
  }
}

function readRegistered({ subject, data }: Event): Registered | undefined {
  const { email, emailVerified }: { email?: unknown; emailVerified?: unknown } = JSON.parse(data);
  return typeof email === "string" && isEmailAddress(email)
    ? { customerId: subject, email, isVerified: emailVerified === true }
    : undefined;
}

import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { isSampled } from "@sagacart/chassis/trace/traceparent";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { eventCursor } from "@sagacart/outbox/events/cursor-store";
import type { Event } from "@sagacart/proto/event/v1/event";
import { type Customer, findCustomers } from "../messages/customer-store.ts";
import { type Channel, type Kind, kindsAbout, languages, mandatoryBecause } from "../messages/kind.ts";
import { isMailable } from "../messages/mailable.ts";
import type { NewMessage } from "../messages/message.ts";
import { findRecipients, insertMessages, moveClaimed, suppressInterim } from "../messages/message-store.ts";
import { findNewestVersions } from "../templates/template-store.ts";
import { type OrderFacts, oneLine, readOrderEvent, UnreadableEventError, writeFacts } from "./order-event.ts";
import { noAddressReason } from "./registered-store.ts";
import { insertSkipped, type Skipped } from "./skipped-store.ts";

/** The position in the feed of orders up to which every event has its messages. */
export const orderCursor = eventCursor({ table: "cursors", feed: "order" });

/** Events that made a message, and events that could not be read. */
export type Ingested = { readonly notified: readonly Event[]; readonly skipped: readonly Skipped[] };

export type IngestOptions = {
  readonly since?: Date | undefined;
  /** The mail addresses of the shop's operators. */
  readonly operators?: readonly string[];
  /** False: a registered address that was not verified gets no mail, and other addresses only what cannot be turned off. */
  readonly mailsUnverified?: boolean;
};

/**
 * Records the messages for these events, in the transaction that moves the cursor. Each event makes its messages once,
 * however often it is delivered and whoever else reads.
 *
 * Ignores events before `since`: their messages may have been deleted for their age, and reading the feed again would
 * create them anew.
 */
export async function ingest(
  tx: Transaction,
  events: readonly Event[],
  { since = new Date(0), operators = [], mailsUnverified = true }: IngestOptions = {},
): Promise<Ingested> {
  const { notifications, skipped } = readAll(events.filter((event) => isAfter(event, since)));
  let notified: readonly Event[] = [];
  if (notifications.length > 0) {
    const advancing = notifications.filter(({ kind }) => !kind.isInterim && !kind.isForOperators);
    const advanced = new Set(advancing.map(({ facts }) => facts.orderId));
    const due = notifications.filter(({ kind, facts }) => !(kind.isInterim && advanced.has(facts.orderId)));
    const messages = await addressMessages(tx, due, { operators, mailsUnverified });
    await insertMessages(tx, messages);
    const ids = new Set(messages.map(({ eventId }) => eventId));
    notified = [...new Set(due.map(({ event }) => event))].filter(({ id }) => ids.has(id));
    await suppressInterim(tx, [...advanced]);
  }
  await moveMessages(tx, events);
  await insertSkipped(tx, skipped);
  return { notified, skipped };
}

function isAfter({ time }: Event, since: Date): boolean {
  return time === undefined || timestampDate(time) > since;
}

/** An event to notify a customer or the operators of. */
type Notification = { readonly event: Event; readonly kind: Kind; readonly facts: OrderFacts };

function readAll(events: readonly Event[]): { notifications: Notification[]; skipped: Skipped[] } {
  const notifications: Notification[] = [];
  const skipped: Skipped[] = [];
  for (const event of events) {
    const about = kindsAbout(event.type);
    if (about.length === 0) {
      continue;
    }
    try {
      const facts = readOrderEvent(event);
      const matching = about.filter(({ from }) => from === undefined || from.matches(facts));
      // There is no way to reach a guest.
      const reachable = matching.filter(({ isForOperators }) => isForOperators || facts.customerId !== "");
      notifications.push(...reachable.map((kind) => ({ event, kind, facts })));
    } catch (error) {
      if (!(error instanceof UnreadableEventError)) {
        throw error;
      }
      skipped.push({ event, reason: error.message });
    }
  }
  return { notifications, skipped };
}

/** Returns true for the customer id of a guest's order; the order service derives such ids from guest tokens. */
function isGuest(customerId: string): boolean {
  return /^guest-[A-Za-z0-9_-]{32}$/.test(customerId);
}

/** The type of the event of a guest's order that a customer claimed. */
export const claimed = "sagacart.order.claimed.v1";

/** Makes the messages about claimed orders those of the customers who claimed them. */
async function moveMessages(tx: Transaction, events: readonly Event[]): Promise<void> {
  const claims = events.flatMap(({ type, subject: orderId, data }) => {
    const { customerId, guestCustomerId } = type === claimed ? Object(JSON.parse(data)) : {};
    return typeof customerId === "string" && typeof guestCustomerId === "string" && customerId !== ""
      ? [{ orderId, customerId, guestCustomerId }]
      : [];
  });
  if (claims.length > 0) {
    await moveClaimed(tx, claims);
  }
}

type Address = { readonly recipient: string; readonly name: string };

async function addressMessages(
  tx: Transaction,
  notifications: readonly Notification[],
  { operators, mailsUnverified }: { operators: readonly string[]; mailsUnverified: boolean },
): Promise<NewMessage[]> {
  const customers = await findCustomers(tx, [...new Set(notifications.map(({ facts }) => facts.customerId))]);
  const versionOf = await findNewestVersions(tx);
  // Events of interim states do not repeat the address that the checkout gave.
  const interim = notifications.filter(({ kind, facts }) => kind.isInterim && facts.contactEmail === "");
  const earlier =
    interim.length === 0
      ? new Map()
      : await findRecipients(
          tx,
          interim.map(({ facts }) => facts.orderId),
        );
  return notifications.flatMap(({ event, kind, facts }) => {
    if (kind.isForOperators) {
      // It is not the customer's message, and stays when the customer's data is deleted.
      const notification = { event, kind, facts: { ...facts, contactEmail: "" } };
      return operators.map((recipient) =>
        newMessage(notification, "EMAIL", { recipient, name: "" }, operator, versionOf),
      );
    }
    const customer = customers.get(facts.customerId);
    if (customer === undefined || customer.isErased) {
      return [];
    }
    // A guest has no inbox to read.
    const channels = kind.channels.filter((channel) => channel !== "INBOX" || !isGuest(facts.customerId));
    return channels.flatMap((channel) => {
      const notification = { event, kind, facts };
      if (channel === "INBOX") {
        return [newMessage(notification, channel, inInbox(customer), customer, versionOf)];
      }
      const registered = mailsUnverified || customer.isRegisteredVerified ? customer.registeredEmail : "";
      const to = byMail(facts, { ...customer, registeredEmail: registered }, earlier.get(facts.orderId));
      if (to.recipient !== "") {
        const message = newMessage(notification, channel, to, customer, versionOf);
        const isDue = mailsUnverified || isVerified(to.recipient, customer) || mandatoryBecause(kind, channel) !== "";
        return [isDue ? message : suppressed(message, unverifiedReason)];
      }
      // The registration of a new customer may be heard of later.
      return isUserId(facts.customerId) && kind.isInterim !== true
        ? [held(newMessage(notification, channel, to, customer, versionOf))]
        : [];
    });
  });
}

/**
 * Chooses the address of the checkout, else that of earlier mail about the order, else the customer's contact, else the one
 * registered with; else "". The next one is used if no mail can be sent to one. If none is mailable, the message is recorded
 * all the same, and fails with the reason.
 */
function byMail({ contactEmail }: OrderFacts, customer: Customer, earlier: Address | undefined): Address {
  const own = [customer.email, customer.registeredEmail];
  const known = [contactEmail, earlier?.recipient ?? "", ...own].filter((address) => address !== "");
  const recipient = known.find(isMailable) ?? known[0] ?? "";
  // Use the customer's name only with the customer's address.
  return { recipient, name: own.includes(recipient) ? oneLine(customer.name, 200) : "" };
}

/** Lets a mail wait for its customer's address, unless the customer turned it off. */
function held(message: NewMessage): NewMessage {
  return suppressed(message, noAddressReason);
}

function suppressed(message: NewMessage, reason: string): NewMessage {
  return message.state === "SUPPRESSED" ? message : { ...message, state: "SUPPRESSED", lastError: reason };
}

/** Returns true for the address that identity verified. A checkout or a contact can name a stranger's. */
function isVerified(recipient: string, { registeredEmail, isRegisteredVerified }: Customer): boolean {
  return isRegisteredVerified && recipient.toLowerCase() === registeredEmail.toLowerCase();
}

/** Returns true for an id as identity gives it to users. Customers of another issuer do not register there. */
function isUserId(customerId: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(customerId);
}

function inInbox({ customerId, name }: Customer): Address {
  return { recipient: customerId, name: oneLine(name, 200) };
}

// Customers list their own messages only, so that nobody else sees one that is no customer's.
const operator: Pick<Customer, "customerId" | "language" | "isTurnedOff"> = {
  customerId: "",
  language: languages[0],
  isTurnedOff: () => false,
};

function newMessage(
  { event, kind, facts }: Notification,
  channel: Channel,
  to: Address,
  { customerId, language, isTurnedOff }: Pick<Customer, "customerId" | "language" | "isTurnedOff">,
  versionOf: (eventType: string, language: Customer["language"]) => number,
): NewMessage {
  const { orderId, cartId } = facts;
  const { eventType } = kind;
  const isTurnedOffByCustomer = mandatoryBecause(kind, channel) === "" && isTurnedOff(channel, eventType);
  return {
    ...{
      id: uuidv7(),
      eventId: event.id,
      eventType,
      orderId,
      cartId,
      customerId,
      channel,
      language,
      ...to,
    },
    templateVersion: versionOf(eventType, language),
    facts: writeFacts(facts),
    state: isTurnedOffByCustomer ? "SUPPRESSED" : initialState[channel],
    lastError: isTurnedOffByCustomer ? turnedOffReason : "",
    traceparent: isSampled(event.traceparent) ? event.traceparent : undefined,
  };
}

// A message is in the inbox as soon as it is recorded.
const initialState = { EMAIL: "PENDING", INBOX: "SENT" } as const;

/** The reason recorded with a mail to an address that gets only what it must. */
export const unverifiedReason = "the address is not verified, and gets only what cannot be turned off";

/** The reason recorded with a message that the customer turned off. */
export const turnedOffReason = "the customer turned these messages off";

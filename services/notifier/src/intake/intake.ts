import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { eventCursor } from "@sagacart/outbox/events/cursor-store";
import type { Event } from "@sagacart/proto/event/v1/event";
import { type Customer, findCustomers } from "../messages/customer-store.ts";
import { type Channel, type Kind, kindOf, mandatoryBecause } from "../messages/kind.ts";
import type { NewMessage } from "../messages/message.ts";
import { findRecipients, insertMessages, suppressOvertaken } from "../messages/message-store.ts";
import { findNewestVersions } from "../templates/template-store.ts";
import { type OrderFacts, oneLine, readOrderEvent, UnreadableEventError, writeFacts } from "./order-event.ts";

/** Up to where every event of the feed of orders has its messages. */
export const orderCursor = eventCursor({ table: "cursors", feed: "order" });

/** An event that could not be understood, and why. */
export type Skipped = { readonly event: Event; readonly reason: string };

/** What came of some events: those that somebody is told of, and those that could not be understood. */
export type TakenIn = { readonly told: readonly Event[]; readonly skipped: readonly Skipped[] };

/**
 * Writes the messages for these events, in the transaction that moves the cursor: each event makes its messages once,
 * however often it is delivered and whoever else reads.
 *
 * Of what happened before `since` nobody is told: its messages may have been deleted for their age, and would come
 * again if the feed were read again.
 */
export async function takeIn(tx: Transaction, events: readonly Event[], since: Date = new Date(0)): Promise<TakenIn> {
  const { news, skipped } = readAll(events.filter((event) => isAfter(event, since)));
  let told: readonly Event[] = [];
  if (news.length > 0) {
    const goneOn = new Set(news.filter(({ kind }) => !kind.isOvertaken).map(({ facts }) => facts.orderId));
    const due = news.filter(({ kind, facts }) => !(kind.isOvertaken && goneOn.has(facts.orderId)));
    const messages = await address(tx, due);
    await insertMessages(tx, messages);
    const ids = new Set(messages.map(({ eventId }) => eventId));
    told = due.map(({ event }) => event).filter(({ id }) => ids.has(id));
    await suppressOvertaken(tx, [...goneOn]);
  }
  await recordSkipped(tx, skipped);
  return { told, skipped };
}

function isAfter({ time }: Event, since: Date): boolean {
  return time === undefined || timestampDate(time) > since;
}

/** An event that somebody is to be told of. */
type News = { readonly event: Event; readonly kind: Kind; readonly facts: OrderFacts };

function readAll(events: readonly Event[]): { news: News[]; skipped: Skipped[] } {
  const news: News[] = [];
  const skipped: Skipped[] = [];
  for (const event of events) {
    const kind = kindOf(event.type);
    if (kind === undefined) {
      continue;
    }
    try {
      const facts = readOrderEvent(event);
      // Of a guest nobody knows where to tell them.
      if (facts.customerId !== "") {
        news.push({ event, kind, facts });
      }
    } catch (error) {
      if (!(error instanceof UnreadableEventError)) {
        throw error;
      }
      skipped.push({ event, reason: error.message });
    }
  }
  return { news, skipped };
}

type Address = { readonly recipient: string; readonly name: string };

async function address(tx: Transaction, news: readonly News[]): Promise<NewMessage[]> {
  const customers = await findCustomers(tx, [...new Set(news.map(({ facts }) => facts.customerId))]);
  const versionOf = await findNewestVersions(tx);
  // Events on the way from one state to the next do not repeat the address that the checkout gave.
  const onTheWay = news.filter(({ kind, facts }) => kind.isOvertaken && facts.contactEmail === "");
  const earlier =
    onTheWay.length === 0
      ? new Map()
      : await findRecipients(
          tx,
          onTheWay.map(({ facts }) => facts.orderId),
        );
  return news.flatMap(({ event, kind, facts }) => {
    const customer = customers.get(facts.customerId);
    if (customer === undefined) {
      return [];
    }
    return kind.channels.flatMap((channel) => {
      const to = channel === "EMAIL" ? byMail(facts, customer, earlier.get(facts.orderId)) : inInbox(customer);
      return to.recipient === "" ? [] : [draft({ event, kind, facts }, channel, to, customer, versionOf)];
    });
  });
}

/** The address that the checkout gave, else where mail about this order went, else the customer's; else nobody's. */
function byMail({ contactEmail }: OrderFacts, { email, name }: Customer, earlier: Address | undefined): Address {
  const recipient = contactEmail || earlier?.recipient || email;
  // A name is that of the address it was given with.
  return { recipient, name: recipient === email ? oneLine(name, 200) : "" };
}

function inInbox({ customerId, name }: Customer): Address {
  return { recipient: customerId, name: oneLine(name, 200) };
}

function draft(
  { event, kind, facts }: News,
  channel: Channel,
  to: Address,
  { language, isTurnedOff }: Customer,
  versionOf: (eventType: string, language: Customer["language"]) => number,
): NewMessage {
  const { orderId, cartId, customerId } = facts;
  const isUnwanted = mandatoryBecause(kind, channel) === "" && isTurnedOff(channel, event.type);
  return {
    ...{
      id: uuidv7(),
      eventId: event.id,
      eventType: event.type,
      orderId,
      cartId,
      customerId,
      channel,
      language,
      ...to,
    },
    templateVersion: versionOf(event.type, language),
    facts: writeFacts(facts),
    state: isUnwanted ? "SUPPRESSED" : stateWhenMade[channel],
    lastError: isUnwanted ? unwanted : "",
  };
}

/** In the inbox it is there at once. */
const stateWhenMade = { EMAIL: "PENDING", INBOX: "SENT" } as const;

/** Why a message is suppressed that somebody turned off. */
export const unwanted = "the customer turned these messages off";

async function recordSkipped(tx: Transaction, skipped: readonly Skipped[]): Promise<void> {
  if (skipped.length > 0) {
    await tx.query({
      name: "record-skipped",
      text: `insert into skipped_events (event_id, position, type, reason, data)
             select * from unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[]) on conflict do nothing`,
      values: [
        skipped.map(({ event }) => event.id),
        skipped.map(({ event }) => event.position),
        skipped.map(({ event }) => event.type),
        skipped.map(({ reason }) => reason),
        // Postgres does not store NUL.
        skipped.map(({ event }) => event.data.replaceAll("\0", "")),
      ],
    });
  }
}

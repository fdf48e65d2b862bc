import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { Event } from "@sagacart/proto/event/v1/event";
import type { Contact, NewMessage } from "./message.ts";
import { type OrderFacts, oneLine, readOrderEvent, UnreadableEventError } from "./order-event.ts";
import { findContacts, insertMessages } from "./store.ts";
import { writeLetter } from "./templates.ts";

/** Some events of the feed of orders, and the position after them. */
export type Page = { readonly events: readonly Event[]; readonly nextPosition: bigint };

/** An event that could not be understood, and why. */
export type Skipped = { readonly event: Event; readonly reason: string };

/**
 * Writes the messages for these events and moves the cursor, in one transaction: each event makes its messages once,
 * however often it is delivered and whoever else reads. Answers what it had to skip.
 */
export async function takeIn(pool: Pool, page: Page): Promise<Skipped[]> {
  return await withTransaction(pool, async (tx) => {
    const position = await lockCursor(tx);
    const { letters, skipped } = readAll(page.events.filter((event) => event.position > position));
    await insertMessages(tx, await address(tx, letters));
    await recordSkipped(tx, skipped);
    if (page.nextPosition > position) {
      await tx.query({
        name: "move-cursor",
        text: "update cursors set position = $1, update_time = now() where feed = 'order'",
        values: [page.nextPosition],
      });
    }
    return skipped;
  });
}

/** Up to where every event has its messages. */
export async function readCursor(db: Pick<Pool, "query">): Promise<bigint> {
  const { rows } = await db.query<{ position: bigint }>({
    name: "read-cursor",
    text: "select position from cursors where feed = 'order'",
  });
  return rows[0]?.position ?? 0n;
}

async function lockCursor(tx: Transaction): Promise<bigint> {
  const { rows } = await tx.query<{ position: bigint }>({
    name: "lock-cursor",
    text: "select position from cursors where feed = 'order' for update",
  });
  if (rows[0] === undefined) {
    throw new Error("the cursor of the feed of orders is gone; the migrations made it");
  }
  return rows[0].position;
}

type Read = { readonly event: Event; readonly facts: OrderFacts };

function readAll(events: readonly Event[]): { letters: Read[]; skipped: Skipped[] } {
  const letters: Read[] = [];
  const skipped: Skipped[] = [];
  for (const event of events) {
    try {
      letters.push({ event, facts: readOrderEvent(event) });
    } catch (error) {
      if (!(error instanceof UnreadableEventError)) {
        throw error;
      }
      skipped.push({ event, reason: error.message });
    }
  }
  return { letters, skipped };
}

/** Whom each is for: the address that the checkout gave, else the customer's, else nobody. */
async function address(tx: Transaction, letters: readonly Read[]): Promise<NewMessage[]> {
  const contacts = await findContacts(tx, [...new Set(letters.map(({ facts }) => facts.customerId))]);
  return letters.flatMap(({ event, facts }) => write(event, facts, contacts.get(facts.customerId)));
}

function write(event: Event, facts: OrderFacts, contact: Contact | undefined): NewMessage[] {
  const recipient = facts.contactEmail === "" ? (contact?.email ?? "") : facts.contactEmail;
  // A name is that of the address it was given with.
  const name = contact?.email === recipient ? oneLine(contact.name, 200) : "";
  const letter = recipient === "" ? undefined : writeLetter(event.type, facts, name);
  if (letter === undefined) {
    return [];
  }
  const { orderId, customerId } = facts;
  return [{ id: uuidv7(), eventId: event.id, eventType: event.type, orderId, customerId, recipient, ...letter }];
}

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

import type { Queryable } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import type { Channel, Language } from "./kind.ts";

export type Contact = { readonly customerId: string; readonly email: string; readonly name: string };

/** A customer's contact, language and preferences. */
export type Customer = Contact & {
  /** The address that the customer is registered with; "" if unknown. */
  readonly registeredEmail: string;
  readonly isRegisteredVerified: boolean;
  readonly language: Language;
  /** True if the customer has chosen it. */
  readonly isLanguageChosen: boolean;
  /** True if the customer's account was deleted: nothing is sent to them any more. */
  readonly isErased: boolean;
  isTurnedOff(channel: Channel, eventType: string): boolean;
};

/** Sets a customer's e-mail address and name. */
export async function putContact(db: Queryable, { customerId, email, name }: Contact): Promise<void> {
  await db.query({
    name: "put-contact",
    text: `insert into contacts (customer_id, email, name) values ($1, $2, $3)
           on conflict (customer_id) do update set email = $2, name = $3, update_time = now()`,
    values: [customerId, email, name],
  });
}

/** Finds customers. Each id is in the result; unknown customers have empty contacts and the defaults. */
export async function findCustomers(db: Queryable, customerIds: readonly string[]): Promise<Map<string, Customer>> {
  const { rows } = await db.query<Row>({
    name: "find-customers",
    text: `select id, coalesce(email, '') as email, coalesce(name, '') as name, coalesce(language, 'en') as language,
                  coalesce(language_chosen or language <> 'en', false) as "isLanguageChosen",
                  coalesce(registered_email, '') as "registeredEmail",
                  coalesce(registered_verified, false) as "isRegisteredVerified",
                  exists (select from erasures where customer_id = id) as "isErased",
                  array(select channel || ' ' || event_type from turned_off where customer_id = id) as turned_off
           from unnest($1::text[]) as asked (id) left join contacts on customer_id = id`,
    values: [customerIds],
  });
  return new Map(
    rows.map(({ id, turned_off, ...contact }) => {
      const turnedOff = new Set(turned_off);
      const isTurnedOff = (channel: Channel, eventType: string) => turnedOff.has(`${channel} ${eventType}`);
      return [id, { customerId: id, ...contact, isTurnedOff }];
    }),
  );
}

/** Sets the language of a customer's future messages. */
export async function setLanguage(db: Queryable, customerId: string, language: Language): Promise<void> {
  await db.query({
    name: "set-language",
    text: `insert into contacts (customer_id, language, language_chosen) values ($1, $2, true)
           on conflict (customer_id) do update set language = $2, language_chosen = true, update_time = now()`,
    values: [customerId, language],
  });
}

export type Change = { readonly channel: Channel; readonly eventType: string; readonly enabled: boolean };

const changed = unnest<Change>(
  "new",
  { channel: ["text", ({ channel }) => channel], event_type: ["text", ({ eventType }) => eventType] },
  2,
);

/** Turns kinds of events on and off for a customer. Each channel and kind must occur once. */
export async function applyChanges(db: Queryable, customerId: string, changes: readonly Change[]): Promise<void> {
  await db.query({
    name: "turn-on",
    text: `delete from turned_off
           where customer_id = $1 and (channel, event_type) in (select * from ${changed.table})`,
    values: [customerId, ...changed.values(changes.filter(({ enabled }) => enabled))],
  });
  await db.query({
    name: "turn-off",
    text: `insert into turned_off (customer_id, channel, event_type)
           select $1, channel, event_type from ${changed.table}
           where not exists (select from erasures where customer_id = $1)
           order by channel, event_type on conflict do nothing`,
    values: [customerId, ...changed.values(changes.filter(({ enabled }) => !enabled))],
  });
}

type Row = Omit<Customer, "customerId" | "isTurnedOff"> & { id: string; turned_off: string[] };

import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";

/** The address that a customer is registered with. */
export type Registered = { readonly customerId: string; readonly email: string; readonly isVerified: boolean };

/** Saves a registered address, unless the customer's data was deleted. Returns the former one; "" for none. */
export async function saveRegistered(tx: Transaction, { customerId, email, isVerified }: Registered): Promise<string> {
  const { rows } = await tx.query<{ former: string }>({
    name: "save-registered",
    text: `with former as (select registered_email from contacts where customer_id = $1),
                saved as (
                  insert into contacts (customer_id, registered_email, registered_verified)
                  select $1, $2, $3 where not exists (select from erasures where customer_id = $1)
                  on conflict (customer_id) do update
                    set registered_email = $2, registered_verified = $3, update_time = now())
           select coalesce((select registered_email from former), '') as former`,
    values: [customerId, email, isVerified],
  });
  return rows[0]?.former ?? "";
}

/** Forgets the registered address of a deleted user. */
export async function forgetRegistered(tx: Transaction, customerId: string): Promise<void> {
  await tx.query({
    name: "forget-registered",
    text: `update contacts set registered_email = '', registered_verified = false, update_time = now()
           where customer_id = $1 and registered_email <> ''`,
    values: [customerId],
  });
}

// The address that the checkout named. What is erased has no facts.
const namedAddress = "case when facts is json object then facts::jsonb->>'contactEmail' end";

/** Sends the mails that are under way to the former registered address to the new one. */
export async function moveMails(
  tx: Transaction,
  { customerId, email, former }: { customerId: string; email: string; former: string },
): Promise<void> {
  await tx.query({
    name: "move-mails",
    text: `update messages m set recipient = $3
           where customer_id = $1 and channel = 'EMAIL' and state = 'PENDING' and recipient = $2 and $2 not in ('', $3)
             and coalesce(${namedAddress}, '') = ''
             and not exists (select from contacts c where c.customer_id = $1 and c.email <> '')
             and not exists (select from messages o
                             where o.event_id = m.event_id and o.channel = 'EMAIL' and o.recipient = $3)`,
    values: [customerId, former, email],
  });
}

/** The reason recorded with a mail that waits for its customer's address. */
export const noAddressReason = "no e-mail address of the customer is known";

/**
 * Sends the mails of the last day that waited for the customer's address. They wait because what a customer buys may be
 * heard of before the registration; mails about what is long past would surprise.
 */
export async function sendHeldMails(db: Queryable, customerId: string, email: string): Promise<void> {
  await db.query({
    name: "send-held-mails",
    text: `update messages m set recipient = $2, state = 'PENDING', try_time = now(), last_error = ''
           where customer_id = $1 and channel = 'EMAIL' and recipient = '' and state = 'SUPPRESSED' and last_error = $3
             and create_time > now() - interval '1 day'
             and not exists (select from messages o
                             where o.event_id = m.event_id and o.channel = 'EMAIL' and o.recipient = $2)`,
    values: [customerId, email, noAddressReason],
  });
}

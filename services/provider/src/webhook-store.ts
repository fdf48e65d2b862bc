import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";

export type WebhookId = { readonly provider: string; readonly id: string };

export type StoredWebhook = WebhookId & { readonly body: Uint8Array };

/** A webhook that is being tried. */
export type ClaimedWebhook = StoredWebhook & { readonly tries: number; readonly claimTime: Date };

/** Stores a webhook to be applied, unless it is there already. */
export async function insertWebhook(pool: Pool, { provider, id, body }: StoredWebhook): Promise<void> {
  await pool.query({
    name: "insert-webhook",
    text: "insert into webhooks (provider, id, body) values ($1, $2, $3) on conflict do nothing",
    values: [provider, id, body],
  });
}

/**
 * Takes webhooks that are due, and returns them in the order in which they were received. Each is due again after a
 * pause, 1 s growing to 10 min, unless it is finished.
 */
export async function claimWebhooks(pool: Pool, limit: number): Promise<ClaimedWebhook[]> {
  const { rows } = await pool.query<StoredWebhook & { tries: number; receive_time: Date; claim_time: Date }>({
    name: "claim-webhooks",
    text: `update webhooks set tries = tries + 1,
                               next_try_time = now() + least(600000, 1000 * 2 ^ least(tries, 16)) * interval '1 ms'
           where (provider, id) in (select provider, id from webhooks where next_try_time <= now()
                                    order by next_try_time limit $1 for update skip locked)
           returning provider, id, body, tries, receive_time, now() as claim_time`,
    values: [limit],
  });
  return rows
    .toSorted((a, b) => a.receive_time.getTime() - b.receive_time.getTime())
    .map(({ provider, id, body, tries, claim_time }) => ({ provider, id, body, tries, claimTime: claim_time }));
}

/** Marks webhooks as applied. */
export async function finishWebhooks(tx: Transaction, webhooks: readonly WebhookId[]): Promise<void> {
  await tx.query({
    name: "finish-webhooks",
    text: `update webhooks set next_try_time = null
           from ${done.table}
           where webhooks.provider = done.provider and webhooks.id = done.id`,
    values: done.values(webhooks),
  });
}

const done = unnest<WebhookId>("done", {
  provider: ["text", ({ provider }) => provider],
  id: ["text", ({ id }) => id],
});

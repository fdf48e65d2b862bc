import type { Actor, ActorRow } from "@sagacart/chassis/auth/actor";
import type { Pool, Queryable } from "@sagacart/chassis/postgres/pool";
import { unnest } from "@sagacart/chassis/postgres/unnest";
import type { WebhookId } from "./webhook-store.ts";

/** A webhook that was given up, or that an operator had tried again or dismissed. */
export type Parked = WebhookId & {
  readonly body: Uint8Array;
  readonly tries: number;
  readonly error: string;
  readonly receiveTime: Date;
  readonly parkTime: Date | undefined;
  readonly actor: ActorRow;
};

export type Failed = WebhookId & {
  /** When its last try began: what changed since then is not known to that try. */
  readonly claimTime: Date;
  readonly error: string;
};

const failed = unnest<Failed>("failed", {
  provider: ["text", ({ provider }) => provider],
  id: ["text", ({ id }) => id],
  claim_time: ["timestamptz", ({ claimTime }) => claimTime],
  error: ["text", ({ error }) => error],
});

/** Parks webhooks that are not applied. */
export async function parkWebhooks(db: Queryable, webhooks: readonly Failed[]): Promise<void> {
  if (webhooks.length === 0) {
    return;
  }
  await db.query({
    name: "park-webhooks",
    text: `update webhooks w set next_try_time = null, park_time = failed.claim_time, error = failed.error
           from ${failed.table} where w.provider = failed.provider and w.id = failed.id and w.next_try_time is not null`,
    values: failed.values(webhooks),
  });
}

/** Lists parked webhooks by id. */
export async function listParked(
  db: Queryable,
  { provider, afterId, limit }: { provider: string; afterId: string; limit: number },
): Promise<Parked[]> {
  const { rows } = await db.query<Row>({
    name: "list-parked-webhooks",
    text: `select ${columns} from webhooks
           where provider = $1 and id > $2 and park_time is not null order by id limit $3`,
    values: [provider, afterId, limit],
  });
  return rows.map(toParked);
}

/** Has parked webhooks tried again, now. */
export async function reviveWebhooks(db: Queryable, provider: string, ids: readonly string[]): Promise<void> {
  await db.query({
    name: "revive-webhooks",
    text: `update webhooks set next_try_time = now(), park_time = null
           where provider = $1 and id = any($2) and park_time is not null`,
    values: [provider, ids],
  });
}

/**
 * Ends the wait of a webhook by hand: also of one that is being tried, since a parked one may just have become due. Returns
 * it, or undefined if none with this id waits.
 */
export async function releaseParked(
  pool: Pool,
  { provider, id, actor, dismissal }: WebhookId & { actor: Actor; dismissal: string | undefined },
): Promise<Parked | undefined> {
  const { rows } = await pool.query<Row>({
    name: "release-parked-webhook",
    text: `update webhooks set park_time = null, actor_kind = $3, actor_id = $4, error = coalesce($5, error),
                               next_try_time = case when $5::text is null then now() end
           where provider = $1 and id = $2 and (park_time is not null or next_try_time is not null) returning ${columns}`,
    values: [provider, id, actor.kind, actor.id, dismissal],
  });
  return rows.map(toParked)[0];
}

const columns = "provider, id, body, tries, error, receive_time, park_time, actor_kind, actor_id";

type Row = WebhookId &
  ActorRow & { body: Uint8Array; tries: number; error: string; receive_time: Date; park_time: Date | null };

function toParked({ receive_time, park_time, actor_kind, actor_id, ...row }: Row): Parked {
  return { ...row, receiveTime: receive_time, parkTime: park_time ?? undefined, actor: { actor_kind, actor_id } };
}

import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { newSecret } from "./signature.ts";

/** Creates the present secret of an endpoint that has none. Returns its id. */
export async function insertSecret(tx: Transaction, endpointId: string): Promise<string> {
  const id = uuidv7();
  await tx.query("insert into webhook_secrets (id, endpoint_id, secret) values ($1, $2, $3)", [
    id,
    endpointId,
    newSecret(),
  ]);
  return id;
}

/** Expires the present secret after `overlapMs`. Deletes all but the last three secrets. */
export async function expireSecret(tx: Transaction, endpointId: string, overlapMs: number): Promise<void> {
  await tx.query(
    `update webhook_secrets set expire_time = now() + $2 * interval '1 ms'
     where endpoint_id = $1 and expire_time is null`,
    [endpointId, overlapMs],
  );
  await tx.query(
    `delete from webhook_secrets where endpoint_id = $1 and id not in
       (select id from webhook_secrets where endpoint_id = $1 order by id desc limit 3)`,
    [endpointId],
  );
}

/** Finds the secrets to sign with, the present one first. */
export async function findSecrets(db: Queryable, endpointId: string): Promise<string[]> {
  const { rows } = await db.query<{ secret: string }>({
    name: "find-webhook-secrets",
    text: `select secret from webhook_secrets
           where endpoint_id = $1 and (expire_time is null or expire_time > now()) order by id desc`,
    values: [endpointId],
  });
  return rows.map(({ secret }) => secret);
}

/** Finds the secret with this id if it is the present one, else "", and when the former one expires. */
export async function findPresentSecret(
  db: Queryable,
  id: string,
): Promise<{ secret: string; previousExpireTime: Date | null }> {
  const { rows } = await db.query<{ secret: string; previous: Date | null }>(
    `select secret, (select max(expire_time) from webhook_secrets as older
                     where older.endpoint_id = present.endpoint_id and older.id < present.id) as previous
     from webhook_secrets as present where id = $1 and expire_time is null`,
    [id],
  );
  return { secret: rows[0]?.secret ?? "", previousExpireTime: rows[0]?.previous ?? null };
}

/** Finds the secret that an endpoint was created with, if it was never replaced; else "". */
export async function findFirstSecret(db: Queryable, endpointId: string): Promise<string> {
  const { rows } = await db.query<{ secret: string }>(
    `select secret from webhook_secrets
     where endpoint_id = $1 and expire_time is null
       and not exists (select from webhook_secrets where endpoint_id = $1 and expire_time is not null)`,
    [endpointId],
  );
  return rows[0]?.secret ?? "";
}

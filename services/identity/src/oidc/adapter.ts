import { createHash } from "node:crypto";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { type Adapter, type AdapterPayload, errors } from "oidc-provider";

/**
 * Keeps what oidc-provider has to remember in one table of ours. Codes and tokens are kept as their hashes; only a
 * browser's session is found by another id too, and keeps its own (its cookie is signed besides).
 */
export function createAdapter(pool: Pool, model: string): Adapter {
  return {
    async upsert(id, payload, expiresInSeconds) {
      const { accountId, grantId, uid } = payload;
      const kept = JSON.stringify(model === "Session" ? payload : { ...payload, jti: undefined });
      if (kept.includes("\\u0000")) {
        // Postgres keeps none, in no text: it is in a parameter of the request.
        throw new errors.InvalidRequest("a parameter has the character NUL in it");
      }
      await pool.query(
        `insert into oidc_entries (model, id_hash, payload, account_id, grant_id, uid, expire_time)
         values ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 second')
         on conflict (model, id_hash) do update set payload = excluded.payload, account_id = excluded.account_id,
           grant_id = excluded.grant_id, uid = excluded.uid, expire_time = excluded.expire_time`,
        [
          model,
          hashOf(id),
          kept,
          // What an interaction that is under way belongs to is inside.
          accountId ?? null,
          // A grant is found by its own id, and ends what was given out under it.
          model === "Grant" ? null : (grantId ?? null),
          uid ?? null,
          expiresInSeconds === undefined || expiresInSeconds <= 0 ? null : expiresInSeconds,
        ],
      );
    },
    async find(id) {
      const { rows } = await pool.query<{ payload: AdapterPayload }>(
        "select payload from oidc_entries where model = $1 and id_hash = $2 and (expire_time is null or expire_time > now())",
        [model, hashOf(id)],
      );
      return rows.map(({ payload }) => ({ ...payload, jti: id }))[0];
    },
    async findByUid(uid) {
      const { rows } = await pool.query<{ payload: AdapterPayload }>(
        "select payload from oidc_entries where model = $1 and uid = $2 and (expire_time is null or expire_time > now())",
        [model, uid],
      );
      return rows[0]?.payload;
    },
    async findByUserCode() {
      // There is no sign-in by device.
      return undefined;
    },
    async destroy(id) {
      await pool.query("delete from oidc_entries where model = $1 and id_hash = $2", [model, hashOf(id)]);
    },
    async revokeByGrantId(grantId) {
      await pool.query("delete from oidc_entries where model = $1 and grant_id = $2", [model, grantId]);
    },
    async consume(id) {
      const { rowCount } = await pool.query(
        `update oidc_entries set payload = payload || jsonb_build_object('consumed', extract(epoch from now())::bigint)
         where model = $1 and id_hash = $2 and not payload ? 'consumed'`,
        [model, hashOf(id)],
      );
      if (rowCount === 0) {
        // Two that came at the same moment both found it good; it is good for one.
        throw new errors.InvalidGrant("it was used at the same moment by somebody else");
      }
    },
  };
}

function hashOf(id: string): Buffer {
  return createHash("sha256").update(id).digest();
}

import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { foldEmail, foldName } from "./fold.ts";

/**
 * Fills in the keys of up to `limit` users from earlier versions, and returns how many. Of two whose names are the same by
 * now, the older one gets the name's key, and the other one is found by exactly its own name. Address keys need not be unique,
 * but for verified addresses: there, too, the older one wins.
 */
export async function fillKeys(pool: Pool, limit: number): Promise<number> {
  return await withTransaction(pool, async (tx) => {
    const { rows } = await tx.query<{ id: string; username: string; email: string }>(
      `select id, username, email from users where username_key is null or email_key is null
       order by create_time, id limit $1 for no key update skip locked`,
      [limit],
    );
    for (const { id, username, email } of rows) {
      await tx.query(
        `update users set
           username_key = case when exists (select from users o where o.username_key = $2) then $3 else $2 end,
           email_key = case
             when email = verified_email and exists (
               select from users o where o.email_key = $4 and o.email = o.verified_email and o.id <> $1) then $5
             else $4 end
         where id = $1`,
        [id, foldName(username), exactKey(username), foldEmail(email), exactKey(email)],
      );
    }
    return rows.length;
  });
}

/** The key of a name or an address that only itself matches. No folded text begins with this character. */
export function exactKey(text: string): string {
  return `\u0001${text}`;
}

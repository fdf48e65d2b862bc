import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import type { MergeStory } from "./merge.ts";

/** Says that a cart, which the caller has locked, went into another one, and what was done about it. */
export async function markMerged(
  tx: Transaction,
  { sourceId, targetId, story }: { sourceId: string; targetId: string; story: MergeStory },
): Promise<void> {
  await tx.query({
    name: "mark-merged",
    text: `update carts set state = 'MERGED', merged_into = $2, merge = $3, is_default = false,
                            version = version + 1, update_time = now() where id = $1`,
    values: [sourceId, targetId, JSON.stringify({ lines: story.lines, leftOut: story.leftOut } satisfies MergeStory)],
  });
}

/** What the merge of this cart did. It must have been merged. */
export async function loadMergeStory(db: Queryable, sourceId: string): Promise<MergeStory> {
  const { rows } = await db.query<{ merge: MergeStory | null }>({
    name: "load-merge-story",
    text: "select merge from carts where id = $1",
    values: [sourceId],
  });
  const story = rows[0]?.merge;
  if (story === undefined || story === null) {
    throw new Error(`cart ${sourceId} was merged, and there is no word of how`);
  }
  return story;
}

import type { Queryable, Transaction } from "@sagacart/chassis/postgres/pool";
import type { MergeReport } from "./merge.ts";

/** Marks a cart, which the caller has locked, as merged into another one, with the report of the merge. */
export async function markMerged(
  tx: Transaction,
  { sourceId, targetId, report }: { sourceId: string; targetId: string; report: MergeReport },
): Promise<void> {
  await tx.query({
    name: "mark-merged",
    text: `update carts set state = 'MERGED', merged_into = $2, merge = $3, is_default = false,
                            version = version + 1, update_time = now() where id = $1`,
    values: [
      sourceId,
      targetId,
      JSON.stringify({ lines: report.lines, leftOut: report.leftOut } satisfies MergeReport),
    ],
  });
}

/** Loads the report of the merge of this cart, which must be MERGED. */
export async function loadMergeReport(db: Queryable, sourceId: string): Promise<MergeReport> {
  const { rows } = await db.query<{ merge: MergeReport | null }>({
    name: "load-merge-report",
    text: "select merge from carts where id = $1",
    values: [sourceId],
  });
  const report = rows[0]?.merge;
  if (report === undefined || report === null) {
    throw new Error(`cart ${sourceId} was merged, but has no report of the merge`);
  }
  return report;
}

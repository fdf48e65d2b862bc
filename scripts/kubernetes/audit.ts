import { until } from "../until.ts";
import type { Shop } from "./shop.ts";

/** Runs the chart's audit now, as a Job from its CronJob. Returns its last line. Throws with its output on a breach. */
export async function auditShop({ namespace, release }: Shop): Promise<string> {
  const name = `e2e-audit-${Math.random().toString(36).slice(2, 8)}`;
  await namespace.kubectl(["create", "job", name, `--from=cronjob/${release}-audit`]);
  try {
    const outcome = await until(
      `the audit ${name} to end`,
      async () => {
        const { status = {} } = await namespace.find("job", name);
        const ended = (status.conditions ?? []).find(
          ({ type, status: is }: { type: string; status: string }) => is === "True" && /Complete|Failed/.test(type),
        );
        return ended?.type;
      },
      { withinMs: 300_000, everyMs: 1_000 },
    );
    const log = (await namespace.kubectl(["logs", `job/${name}`, "--tail=60"])).trim();
    if (outcome !== "Complete") throw new Error(`the audit found:\n${log}`);
    return log.split("\n").at(-1) ?? "";
  } finally {
    await namespace.kubectl(["delete", "job", name, "--wait=false"]);
  }
}

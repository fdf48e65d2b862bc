import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { fillKeys } from "./fold-store.ts";

const usersAtOnce = 500;

/** Fills in the keys of users from earlier versions: at the start, and of those that earlier processes add meanwhile. */
export function foldUsers({ pool, log }: { pool: Pool; log: Log }): AsyncDisposable {
  return startLoop({
    name: "fold-users",
    log,
    async run() {
      return (await fillKeys(pool, usersAtOnce)) > 0 ? "again" : { waitMs: 600_000 };
    },
  });
}

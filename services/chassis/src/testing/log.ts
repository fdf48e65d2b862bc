import { createLog, type Log } from "../process/log.ts";

/** A log for tests that writes nothing. */
export const silentLog: Log = createLog({ service: "test", level: "silent" });

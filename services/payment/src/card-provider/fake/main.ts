import { durationMs, readEnv } from "@sagacart/chassis/process/config";
import { runFake } from "@sagacart/provider/fake/fake-main";
import { startFakeCardProvider } from "./server.ts";

await runFake({
  service: "fake-provider",
  defaultPort: 8091,
  webhook: "card",
  readTimes: () =>
    readEnv({
      /** How late the answer to pm_slow is. */
      SLOW_MS: durationMs(3_000),
      /** How late the webhook of pm_late is. */
      LATE_MS: durationMs(5_000),
    }),
  start: (options, { SLOW_MS, LATE_MS }) =>
    startFakeCardProvider({ ...options, times: { slowMs: SLOW_MS, lateMs: LATE_MS } }),
});

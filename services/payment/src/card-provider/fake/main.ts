import { durationMs, flag, readEnv } from "@sagacart/chassis/process/config";
import { fakeEnv, runFake } from "@sagacart/provider/fake/fake-main";
import { startFakeCardProvider } from "./server.ts";

await runFake({
  service: "fake-provider",
  readConfig: () =>
    readEnv({
      ...fakeEnv({ defaultPort: 8091, webhook: "card" }),
      /** How late the answer to pm_slow is. */
      SLOW_MS: durationMs(3_000),
      /** How late the webhook of pm_late is. */
      LATE_MS: durationMs(5_000),
      /** Serves /dashboard/, where tests make what happens outside the shop: a merchant's refunds, and disputes. */
      DASHBOARD: flag(true),
    }),
  start: (options, { SLOW_MS: slowMs, LATE_MS: lateMs, DASHBOARD: dashboard }) =>
    startFakeCardProvider({ ...options, times: { slowMs, lateMs }, dashboard }),
});

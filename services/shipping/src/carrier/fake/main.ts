import { durationMs, readEnv } from "@sagacart/chassis/process/config";
import { fakeEnv, runFake } from "@sagacart/provider/fake/fake-main";
import { startFakeCarrier } from "./server.ts";

await runFake({
  service: "fake-carrier",
  readConfig: () =>
    readEnv({
      ...fakeEnv({ defaultPort: 8092, webhook: "carrier" }),
      /** How late the answer to postal code 00001 is. */
      OVERDUE_MS: durationMs(2_000),
      /** How late the answer to postal code 00002 is. */
      SLOW_MS: durationMs(3_000),
      /** How late the webhook of postal code 00005 is. */
      LATE_MS: durationMs(5_000),
    }),
  start: (options, { OVERDUE_MS: overdueMs, SLOW_MS: slowMs, LATE_MS: lateMs }) =>
    startFakeCarrier({ ...options, times: { overdueMs, slowMs, lateMs } }),
});

import { ConfigError, durationMs, oneOf, port, readEnv, secret, text, url } from "@sagacart/chassis/process/config";
import { createLog } from "@sagacart/chassis/process/log";
import { startFakeCarrier } from "./start.ts";

try {
  await run();
} catch (error) {
  const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
  const advice = taken ? `${error.message}; stop what uses the port, or set PORT to a free one` : undefined;
  process.stderr.write(`${advice ?? (error instanceof ConfigError ? error.message : String(error))}\n`);
  process.exit(1);
}

async function run(): Promise<void> {
  const config = readEnv({
    HOST: text({ default: "127.0.0.1" }),
    PORT: port(8092),
    LOG_LEVEL: oneOf(["debug", "info", "warn", "error", "silent"], "info"),
    /** An SQLite file with all that the carrier knows; ":memory:" forgets. */
    STATE_FILE: text({ default: ":memory:" }),
    API_KEY: secret(),
    WEBHOOK_SECRET: secret(),
    WEBHOOK_URL: url({
      protocols: ["http:", "https:"],
      default: "http://127.0.0.1:8080/v1/provider-webhooks/carrier",
    }),
    /** How late the answers to postal codes 00001 and 00002, and the webhook of 00005, come. */
    OVERDUE_MS: durationMs(2_000),
    SLOW_MS: durationMs(3_000),
    LATE_MS: durationMs(5_000),
  });
  const log = createLog({ service: "fake-carrier", level: config.LOG_LEVEL });
  const carrier = await startFakeCarrier({
    host: config.HOST,
    port: config.PORT,
    stateFile: config.STATE_FILE,
    apiKey: config.API_KEY,
    webhookUrl: config.WEBHOOK_URL,
    webhookSecret: config.WEBHOOK_SECRET,
    times: { overdueMs: config.OVERDUE_MS, slowMs: config.SLOW_MS, lateMs: config.LATE_MS },
    log,
  });
  log.info({ url: carrier.url }, "ready");
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => void carrier[Symbol.asyncDispose]().then(() => process.exit(0)));
  }
}

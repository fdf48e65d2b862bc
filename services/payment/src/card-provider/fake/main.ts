import { ConfigError, durationMs, oneOf, port, readEnv, secret, text, url } from "@sagacart/chassis/process/config";
import { createLog } from "@sagacart/chassis/process/log";
import { startFakeProvider } from "./start.ts";

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
    PORT: port(8091),
    LOG_LEVEL: oneOf(["debug", "info", "warn", "error", "silent"], "info"),
    /** An SQLite file with all that the provider knows; ":memory:" forgets. */
    STATE_FILE: text({ default: ":memory:" }),
    API_KEY: secret(),
    WEBHOOK_SECRET: secret(),
    WEBHOOK_URL: url({
      protocols: ["http:", "https:"],
      default: "http://127.0.0.1:8080/v1/provider-webhooks/card",
    }),
    /** How late the answer to pm_slow, and the webhook of pm_late, come. */
    SLOW_MS: durationMs(3_000),
    LATE_MS: durationMs(5_000),
  });
  const log = createLog({ service: "fake-provider", level: config.LOG_LEVEL });
  const provider = await startFakeProvider({
    host: config.HOST,
    port: config.PORT,
    stateFile: config.STATE_FILE,
    apiKey: config.API_KEY,
    webhookUrl: config.WEBHOOK_URL,
    webhookSecret: config.WEBHOOK_SECRET,
    times: { slowMs: config.SLOW_MS, lateMs: config.LATE_MS },
    log,
  });
  log.info({ url: provider.url }, "ready");
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => void provider[Symbol.asyncDispose]().then(() => process.exit(0)));
  }
}

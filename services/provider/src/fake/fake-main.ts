import { ConfigError, oneOf, port, readBoth, readEnv, secret, text, url } from "@sagacart/chassis/process/config";
import { createLog } from "@sagacart/chassis/process/log";
import type { FakeOptions } from "./fake-server.ts";

export type FakeMainOptions<Times> = {
  /** Its name in the log. */
  service: string;
  /** The port that it listens on by default. */
  defaultPort: number;
  /** The last part of the gateway's address that takes its webhooks. */
  webhook: string;
  /** Reads the variables that say how late it is. */
  readTimes(): Times;
  start(options: FakeOptions, times: Times): Promise<AsyncDisposable & { readonly url: string }>;
};

/** Runs a fake provider as a process, until SIGTERM or SIGINT. */
export async function runFake<Times>(options: FakeMainOptions<Times>): Promise<void> {
  try {
    await run(options);
  } catch (error) {
    const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
    const advice = taken ? `${error.message}; stop what uses the port, or set PORT to a free one` : undefined;
    process.stderr.write(`${advice ?? (error instanceof ConfigError ? error.message : String(error))}\n`);
    process.exit(1);
  }
}

async function run<Times>({ service, defaultPort, webhook, readTimes, start }: FakeMainOptions<Times>): Promise<void> {
  const readConfig = () =>
    readEnv({
      HOST: text({ default: "127.0.0.1" }),
      PORT: port(defaultPort),
      LOG_LEVEL: oneOf(["debug", "info", "warn", "error", "silent"], "info"),
      /** An SQLite file with the state of the provider; ":memory:" forgets it. */
      STATE_FILE: text({ default: ":memory:" }),
      API_KEY: secret(),
      WEBHOOK_SECRET: secret(),
      WEBHOOK_URL: url({
        protocols: ["http:", "https:"],
        default: `http://127.0.0.1:8080/v1/provider-webhooks/${webhook}`,
      }),
    });
  const [config, times] = readBoth(readConfig, readTimes);
  const log = createLog({ service, level: config.LOG_LEVEL });
  const fake = await start(
    {
      host: config.HOST,
      port: config.PORT,
      stateFile: config.STATE_FILE,
      apiKey: config.API_KEY,
      webhookUrl: config.WEBHOOK_URL,
      webhookSecret: config.WEBHOOK_SECRET,
      log,
    },
    times,
  );
  log.info({ url: fake.url }, "ready");
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => void fake[Symbol.asyncDispose]().then(() => process.exit(0)));
  }
}

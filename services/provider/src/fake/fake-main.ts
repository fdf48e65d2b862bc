import { oneOf, port, secret, secrets, text, url } from "@sagacart/chassis/process/config";
import { createLog } from "@sagacart/chassis/process/log";
import { firstSignal } from "@sagacart/chassis/process/signals";
import { explainStartFailure } from "@sagacart/chassis/process/start-failure";
import type { FakeOptions } from "./fake-server.ts";

/** The variables of each fake provider. `webhook` is the last part of the gateway's address that takes its webhooks. */
export function fakeEnv({ defaultPort, webhook }: { defaultPort: number; webhook: string }) {
  return {
    HOST: text({ default: "127.0.0.1" }),
    PORT: port(defaultPort),
    LOG_LEVEL: oneOf(["debug", "info", "warn", "error", "silent"], "info"),
    /** An SQLite file with the state of the provider; ":memory:" forgets it. */
    STATE_FILE: text({ default: ":memory:" }),
    /** The key that callers must have. */
    API_KEY: secret(),
    /** The keys with which it signs its webhooks, with commas: with each of them while it is changed. */
    WEBHOOK_SECRET: secrets(),
    /** Where it sends its webhooks: by default to the gateway on this machine. */
    WEBHOOK_URL: url({
      protocols: ["http:", "https:"],
      default: `http://127.0.0.1:8080/v1/provider-webhooks/${webhook}`,
    }),
  };
}

type FakeConfig = { readonly [Name in keyof ReturnType<typeof fakeEnv>]: ReturnType<ReturnType<typeof fakeEnv>[Name]> };

export type FakeMainOptions<Config extends FakeConfig> = {
  /** Its name in the log. */
  service: string;
  readConfig(): Config;
  start(options: FakeOptions, config: Config): Promise<AsyncDisposable & { readonly url: string }>;
};

/** Runs a fake provider as a process, until SIGTERM or SIGINT. */
export async function runFake<Config extends FakeConfig>(options: FakeMainOptions<Config>): Promise<void> {
  try {
    await run(options);
  } catch (error) {
    process.stderr.write(`${explainStartFailure(error)}\n`);
    process.exit(1);
  }
}

async function run<Config extends FakeConfig>({ service, readConfig, start }: FakeMainOptions<Config>): Promise<void> {
  const config = readConfig();
  const log = createLog({ service, level: config.LOG_LEVEL });
  const fake = await start(
    {
      host: config.HOST,
      port: config.PORT,
      stateFile: config.STATE_FILE,
      apiKey: config.API_KEY,
      webhookUrl: config.WEBHOOK_URL,
      webhookSecrets: config.WEBHOOK_SECRET,
      log,
    },
    config,
  );
  log.info({ url: fake.url }, "ready");
  await firstSignal();
  await fake[Symbol.asyncDispose]();
  process.exit(0);
}

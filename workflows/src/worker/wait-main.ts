import { ConfigError, durationMs, readEnv, text, url } from "@sagacart/chassis/process/config";
import { addressOf, waitForAll } from "./wait.ts";

// node workflows/src/worker/wait-main.ts, with the worker's variables: run by an init container, before a worker of the
// Worker Controller. The gate of a version begins as soon as the version polls, and runs only once: in a new shop, whose
// databases are still being created, it would fail for good.
try {
  const config = readEnv({
    ORDER_ADDRESS: text(),
    STOCK_ADDRESS: text(),
    PAYMENT_ADDRESS: text(),
    SHIPPING_ADDRESS: text(),
    AUTH_TOKEN_URL: url({ protocols: ["http:", "https:"] }),
    /** The longest wait, before the container fails and is restarted. */
    WAIT_MS: durationMs(600_000),
  });
  const { WAIT_MS, ...addresses } = config;
  await waitForAll(Object.values(addresses).map(addressOf), {
    limitMs: WAIT_MS,
    say: (line) => process.stdout.write(`${line}\n`),
  });
} catch (error) {
  const message = error instanceof ConfigError || error instanceof Error ? error.message : String(error);
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}

import { ConfigError, durationMs, readEnv, text, url } from "@sagacart/chassis/process/config";
import { addressOf, waitForAll } from "./wait.ts";

// node workflows/src/worker/wait-main.ts, with the worker's variables: what an init container runs before a worker of the
// Worker Controller. Its gate begins as soon as the version polls, and is not tried again: in a new shop, whose databases
// are still being made, it would fail for ever.
try {
  const config = readEnv({
    ORDER_ADDRESS: text(),
    STOCK_ADDRESS: text(),
    PAYMENT_ADDRESS: text(),
    SHIPPING_ADDRESS: text(),
    AUTH_TOKEN_URL: url({ protocols: ["http:", "https:"] }),
    /** How long at most, before the container fails and is started again. */
    WAIT_MS: durationMs(600_000),
  });
  const { WAIT_MS, ...places } = config;
  await waitForAll(Object.values(places).map(addressOf), {
    limitMs: WAIT_MS,
    say: (line) => process.stdout.write(`${line}\n`),
  });
} catch (error) {
  const message = error instanceof ConfigError || error instanceof Error ? error.message : String(error);
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}

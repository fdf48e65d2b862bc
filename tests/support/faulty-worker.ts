import { appendFileSync } from "node:fs";
import { readConfig } from "@sagacart/workflows/config";
import type { Steps } from "@sagacart/workflows/sagas/steps";
import { runWorker } from "@sagacart/workflows/worker/run";

// The real worker, with faults around its calls:
//   FAULT_TRACE=file        writes a line for each call with a durable effect
//   FAULT_KILL=before:3     kills itself with SIGKILL before (after) the third such call
//   FAULT_TWICE=true        runs every activity twice and returns the second result
//   FAULT_BREAKS=charge     makes this activity fail every time
const { FAULT_TRACE: trace, FAULT_KILL: kill, FAULT_TWICE: twice, FAULT_BREAKS: broken } = process.env;
const [when, at] = kill === undefined ? [] : kill.split(":");
let calls = 0;

/** A client whose calls are counted, except reads. */
function watched<Client extends object>(client: Client, name: string): Client {
  return new Proxy(client, {
    get(target, method) {
      const call: unknown = Reflect.get(target, method);
      if (typeof call !== "function" || asking.has(String(method))) {
        return call;
      }
      return async (...args: unknown[]) => {
        const number = ++calls;
        if (trace !== undefined) {
          appendFileSync(trace, `${number} ${name}.${String(method)}\n`);
        }
        dieIf("before", number);
        const answer: unknown = await call.apply(target, args);
        dieIf("after", number);
        return answer;
      };
    },
  });
}

const asking = new Set(["claimCommands", "listStalledCommands", "getOrder", "getOrderRefund", "listPayments"]);

function dieIf(moment: string, number: number): void {
  if (when === moment && number === Number(at)) {
    process.kill(process.pid, "SIGKILL");
  }
}

function doneTwice(step: Steps[keyof Steps]): Steps[keyof Steps] {
  return (async (input: never) => {
    await step(input);
    return await step(input);
  }) as Steps[keyof Steps];
}

function breaking(step: Steps[keyof Steps], name: string): Steps[keyof Steps] {
  return name === broken ? () => Promise.reject(new Error(`${name} is broken`)) : step;
}

function mapValues<T extends object>(object: T, map: (value: never, key: string) => unknown): T {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value as never, key)])) as T;
}

await runWorker(readConfig(process.env), new Promise((resolve) => process.once("SIGTERM", () => resolve())), {
  services: (services) => mapValues(services, watched),
  commands: (commands) => mapValues(commands, watched),
  activities: (activities) => mapValues(twice === "true" ? mapValues(activities, doneTwice) : activities, breaking),
});
process.exit(0);

import type { Settled } from "../../scripts/cluster/buyer.ts";
import type { Summary } from "../../scripts/cluster/tally.ts";
import type { Shop } from "../../scripts/kubernetes/shop.ts";
import { until } from "../../scripts/until.ts";
import { restrictedContainer, restrictedPod } from "./pod.ts";
import { check } from "./scenario.ts";

export type LoadOptions = {
  readonly callers?: number;
  readonly pauseMs?: number;
  /** Repeat a failed request with the same idempotency key until it is answered. */
  readonly retry?: boolean;
};

/** The report of a load. */
export type LoadReport = Summary & Settled & { readonly failures: readonly string[] };

export type Load = AsyncDisposable & {
  /** Returns how many requests were answered, and how many failed, so far. */
  count(): Promise<{ answered: number; failed: number }>;
  /** Ends the load, waits until each order was looked up, and returns the report. */
  stop(): Promise<LoadReport>;
};

/** Starts a pod with callers that buy through the gateway's Service. Resolves when they have begun. */
export async function startLoad(shop: Shop, options: LoadOptions = {}): Promise<Load> {
  const { callers = 8, pauseMs = 50, retry = false } = options;
  const { namespace, release } = shop;
  const { OPERATOR_TOTP_SECRET: totpSecret } = await namespace.secret(`${release}-tools`);
  const name = `e2e-load-${Math.random().toString(36).slice(2, 8)}`;
  const env = {
    GATEWAY_URL: `http://${release}-gateway:8080`,
    OPERATOR_PASSWORD_FILE: "/etc/sagacart/secrets/OPERATOR_PASSWORD",
    ...(totpSecret === undefined ? {} : { OPERATOR_TOTP_SECRET_FILE: "/etc/sagacart/secrets/OPERATOR_TOTP_SECRET" }),
    CALLERS: `${callers}`,
    PAUSE_MS: `${pauseMs}`,
    RETRY: `${retry}`,
  };
  await namespace.apply({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels: { app: "e2e-load" } },
    spec: {
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: restrictedPod,
      containers: [
        {
          name: "load",
          image: await shop.toolsImage(),
          args: ["scripts/cluster/load.ts"],
          env: Object.entries(env).map(([key, value]) => ({ name: key, value })),
          resources: { requests: { cpu: "50m", memory: "96Mi" }, limits: { memory: "384Mi" } },
          securityContext: restrictedContainer,
          volumeMounts: [{ name: "secrets", mountPath: "/etc/sagacart/secrets", readOnly: true }],
        },
      ],
      volumes: [{ name: "secrets", secret: { secretName: `${release}-tools`, defaultMode: 0o440 } }],
    },
  });
  const events = async (lines = 500) => {
    const log = await namespace.kubectl(["logs", name, `--tail=${lines}`]);
    return log.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []));
  };
  const eventOf = (kind: string, withinMs: number) =>
    until(
      `the load's event ${kind}`,
      async () => {
        const found = (await events(-1)).findLast(({ event }) => event === kind);
        const { status } = (await namespace.find("pod", name)) ?? {};
        if (found === undefined && status?.phase === "Failed") {
          throw new Error((await namespace.kubectl(["logs", name, "--tail=20"])).slice(-2_000));
        }
        return found;
      },
      { withinMs, everyMs: 1_000 },
    );
  const remove = () =>
    namespace.kubectl(["delete", "pod", name, "--wait=false", "--grace-period=1", "--ignore-not-found"]);
  try {
    await eventOf("ready", 300_000);
  } catch (error) {
    // The caller gets nothing to dispose of.
    await remove();
    throw error;
  }
  return {
    async count() {
      const { answered = 0, failed = 0 } = (await events()).findLast(({ event }) => event === "count") ?? {};
      return { answered, failed };
    },
    async stop() {
      await namespace.kubectl(["exec", name, "--", "/nodejs/bin/node", "-e", "process.kill(1, 'SIGUSR2')"]);
      const { event: _event, at: _at, ...summary } = await eventOf("end", 300_000);
      const failures = (await events(-1)).filter(({ event }) => event === "failure");
      return { ...summary, failures: failures.map(({ at, why, ms }) => `${at} after ${ms} ms: ${why}`) };
    },
    async [Symbol.asyncDispose]() {
      await remove();
    },
  };
}

/** Waits until a load has had this many more answers, so that the next step happens under load. */
export async function moreAnswers(load: Load, wanted: number, withinMs = 60_000): Promise<void> {
  const { answered: before } = await load.count();
  await until(`${wanted} more answers`, async () => (await load.count()).answered >= before + wanted, { withinMs });
}

/** Throws if a request of the load was not answered. */
export function checkAnswered({ failed, failures }: LoadReport): void {
  check(failed === 0, `${failed} requests failed, the first ${failures[0]}`);
}

/** Throws if an order of the load did not become final. */
export function checkFinal({ lost }: LoadReport): void {
  check(lost.length === 0, `orders that did not become final: ${lost.slice(0, 5).join(", ")}`);
}

/** Returns a load's line in the table. */
export function inShort(report: LoadReport): string {
  const { requests, connections, failed, retried, lost, orders, p50Ms, p99Ms, seconds } = report;
  const perSecond = (orders / seconds).toFixed(0);
  return `${requests} requests on ${connections} connections, ${failed} failed, ${retried} repeated, ${lost.length} orders lost, ${perSecond}/s, median ${p50Ms} ms, p99 ${p99Ms} ms`;
}

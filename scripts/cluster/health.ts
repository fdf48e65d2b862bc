import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { list, readEnv, url } from "@sagacart/chassis/process/config";
import { createLog } from "@sagacart/chassis/process/log";
import { tlsEnv } from "@sagacart/chassis/tls/env";
import { openTls } from "@sagacart/chassis/tls/files";
import { Health } from "@sagacart/proto/grpc/health/v1/health";
import { until } from "../until.ts";

// Checks the gRPC health of each service and the readiness of the gateway, for `helm test`. Runs in the cluster, where
// the names resolve. Each gets a minute, because the installation may not be finished.

const withinMs = 60_000;
const config = readEnv({
  /** Targets by name: `order=dns:///sagacart-order:8081,stock=…`. */
  SERVICES: list({ pattern: /^[a-z]+=.+$/ }),
  GATEWAY_URL: url({ protocols: ["http:", "https:"] }),
  ...tlsEnv(),
});
using tls = openTls({ config, log: createLog({ service: "health", level: "error" }) });

const checks = [
  ...config.SERVICES.map((service) => {
    const [name = "", target = ""] = service.split("=");
    return check(name, `gRPC health at ${target}`, () => askService(target));
  }),
  check("gateway", config.GATEWAY_URL, askGateway),
];
process.exit((await Promise.all(checks)).every((serves) => serves) ? 0 : 1);

async function check(name: string, where: string, ask: () => Promise<void>): Promise<boolean> {
  const serves = async () => {
    await ask();
    return true;
  };
  const failure = await until(`${name} to serve`, serves, { withinMs, everyMs: 1_000 }).then(
    () => undefined,
    (error: Error) => error.message,
  );
  process.stdout.write(
    `${name.padEnd(10)} ${failure === undefined ? "serves" : `DOES NOT SERVE: ${failure}`} (${where})\n`,
  );
  return failure === undefined;
}

async function askService(target: string): Promise<void> {
  using channel = openChannel(target, { tls });
  const { status } = await createServiceClient(Health, channel).check({ service: "" }, { timeoutMs: 3_000 });
  // HealthCheckResponse.ServingStatus.SERVING
  if (status !== 1) {
    throw new Error(`its health is ${status}, not 1 (SERVING)`);
  }
}

async function askGateway(): Promise<void> {
  const response = await fetch(new URL("/ready", config.GATEWAY_URL), { signal: AbortSignal.timeout(3_000) });
  if (!response.ok) {
    throw new Error(`/ready returned ${response.status} ${await response.text()}`);
  }
}

import type { ServiceTokens } from "@sagacart/chassis/auth/service-tokens";
import { createMetrics } from "@sagacart/chassis/process/metrics";
import { silentLog } from "@sagacart/chassis/testing/log";
import type { Tls } from "@sagacart/chassis/tls/files";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { SagaService } from "@sagacart/proto/order/v1/saga_service";
import { PersonalDataService } from "@sagacart/proto/privacy/v1/personal_data_service";
import { watchReadiness } from "@sagacart/rest/ready";
import { listen, type TestServer } from "@sagacart/rest/testing/http";
import { type StandIn, type StandInOptions, startStandIn as startServices } from "@sagacart/rest/testing/stand-in";
import { createGateway, type GatewayOptions } from "../gateway.ts";
import { openServices, publicServices, type Upstream } from "../services.ts";

export type { StandIn };
export type TestGateway = TestServer;

/** Starts a stand-in for all services, their internal ones included. */
export function startStandIn(options: StandInOptions = {}): Promise<StandIn> {
  return startServices([...publicServices.keys(), PersonalDataService, SagaService, CommandService], options);
}

/** Starts the gateway on a free port, in front of the services at this address. */
export async function startTestGateway(
  address: string,
  {
    tokens,
    addresses,
    keepaliveIntervalMs,
    serveTls,
    ...options
  }: Partial<GatewayOptions> & {
    /** The certificate to serve with, while the services are called in plain text. */
    serveTls?: Tls | undefined;
    tokens?: ServiceTokens;
    addresses?: Partial<Record<Exclude<Upstream, "launcher">, string>> & { launcher?: string | undefined };
    keepaliveIntervalMs?: number;
  } = {},
): Promise<TestGateway> {
  const metrics = createMetrics("gateway");
  const at = {
    order: address,
    stock: address,
    payment: address,
    shipping: address,
    notifier: address,
    identity: address,
    launcher: address,
    ...addresses,
  };
  const services = openServices(at, { metrics, tokens, tls: options.tls, keepaliveIntervalMs });
  const readiness = watchReadiness(services.channels, { log: silentLog });
  const app = await createGateway({
    services,
    readiness,
    log: silentLog,
    metrics,
    corsOrigins: [],
    bodyLimitBytes: 1024 * 1024,
    // Nothing listens there, unless the test says otherwise.
    identityUrl: "http://127.0.0.1:1",
    heartbeatMs: 50,
    ...options,
    tls: serveTls ?? options.tls,
  });
  return listen(app, async () => {
    await readiness[Symbol.asyncDispose]();
    services[Symbol.dispose]();
  });
}

import { revocationsOf, serviceTokensOf, verifierOf } from "@sagacart/chassis/auth/env";
import { publicConnections } from "@sagacart/chassis/connections/limits";
import { connectionLimitsOf } from "@sagacart/chassis/process/config";
import { watchReadiness } from "@sagacart/rest/ready";
import type { Composed, ProcessContext } from "@sagacart/rest/run";
import type { Config } from "./config.ts";
import { openServices } from "./services.ts";
import { createSurfaces } from "./surfaces.ts";

/** Wires the surfaces: the services behind them, and what they serve. */
export async function compose(
  config: Config,
  { log, metrics, security, tls, shutdown }: ProcessContext,
): Promise<Composed> {
  const services = openServices(
    {
      order: config.ORDER_ADDRESS,
      stock: config.STOCK_ADDRESS,
      payment: config.PAYMENT_ADDRESS,
      shipping: config.SHIPPING_ADDRESS,
      identity: config.IDENTITY_ADDRESS,
    },
    { metrics, tokens: serviceTokensOf(config, log), tls },
  );
  const revocations = revocationsOf(config, log, metrics, security);
  const readiness = watchReadiness(services.channels, { log, revocations });
  const app = await createSurfaces({
    services,
    readiness,
    log,
    metrics,
    security,
    verifier: verifierOf(config, log, revocations),
    currency: config.SHOP_CURRENCY,
    paymentMethod: config.SHOP_PAYMENT_METHOD === "balance" ? "" : config.SHOP_PAYMENT_METHOD,
    bodyLimitBytes: config.BODY_LIMIT_BYTES,
    anonymousBodyLimitBytes: config.ANONYMOUS_BODY_LIMIT_BYTES,
    maxConnectionAgeMs: config.MAX_CONNECTION_AGE_MS,
    connectionLimits: connectionLimitsOf(config, publicConnections),
    tls: config.SERVE_TLS ? tls : undefined,
    shutdown,
  });
  return { app, readiness, close: () => services[Symbol.dispose]() };
}

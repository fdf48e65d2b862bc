import type { Verifier } from "@sagacart/chassis/auth/verify";
import { refuseServiceTokens } from "@sagacart/rest/auth";
import { surface } from "@sagacart/rest/observe";
import { probes } from "@sagacart/rest/probes";
import type { Readiness } from "@sagacart/rest/ready";
import { createRestServer, type RestServerOptions } from "@sagacart/rest/server";
import type { FastifyInstance } from "fastify";
import { dapr } from "./dapr/dapr.ts";
import type { Services } from "./services.ts";
import { shop } from "./shop/shop.ts";
import { wdm } from "./wdm/wdm.ts";
import { wippy } from "./wippy/wippy.ts";

export type SurfacesOptions = Omit<RestServerOptions, "trustedProxies"> & {
  readonly services: Services;
  readonly readiness: Readiness;
  /** Checks tokens; absent where tokens are not checked, neither here nor in the services. */
  readonly verifier?: Verifier | undefined;
  readonly currency: string;
  /** How to pay where users have no money: a payment method, or empty for their account's balance. */
  readonly paymentMethod: string;
  /** How long the Flask shop waits for an order to be decided; 20 s where absent. */
  readonly orderWaitMs?: number;
};

/** Makes the four surfaces, ready to listen. Only the gateway calls them, so its word on the caller's address is taken. */
export function createSurfaces(options: SurfacesOptions): Promise<FastifyInstance> {
  const { services, readiness, metrics, verifier, currency, paymentMethod } = options;
  return createRestServer({ ...options, trustedProxies: "all" }, async (app) => {
    refuseServiceTokens(app, verifier);
    await app.register(surface("probes", probes), { readiness, metrics });
    await app.register(surface("wdm", wdm), { clients: services.own, currency });
    await app.register(surface("wippy", wippy), { clients: services.own, currency, paymentMethod });
    await app.register(surface("dapr", dapr), { clients: services.own, currency });
    await app.register(surface("shop", shop), {
      clients: services.asCaller,
      own: services.own,
      verifier,
      currency,
      paymentMethod,
      waitMs: options.orderWaitMs ?? 20_000,
      bodyLimitBytes: options.bodyLimitBytes,
    });
  });
}

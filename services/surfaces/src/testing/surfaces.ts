import type { ServiceTokens } from "@sagacart/chassis/auth/service-tokens";
import { createMetrics } from "@sagacart/chassis/process/metrics";
import { silentLog } from "@sagacart/chassis/testing/log";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";
import { watchReadiness } from "@sagacart/rest/ready";
import { listen, type TestServer } from "@sagacart/rest/testing/http";
import { type StandIn, startStandIn as startServices } from "@sagacart/rest/testing/stand-in";
import { openServices, type ServiceName } from "../services.ts";
import { createSurfaces, type SurfacesOptions } from "../surfaces.ts";

export type { StandIn };
export type TestSurfaces = TestServer;

/** Starts a stand-in for the services that the surfaces call. */
export function startStandIn(): Promise<StandIn> {
  return startServices([
    ...[CartService, OrderService, IncidentService, ProductService, StockService],
    ...[AccountService, PaymentService, ShippingService, IdentityService],
  ]);
}

/** Starts the surfaces on a free port, in front of the services at this address. */
export async function startTestSurfaces(
  address: string,
  {
    tokens,
    addresses,
    ...options
  }: Partial<SurfacesOptions> & { tokens?: ServiceTokens; addresses?: Partial<Record<ServiceName, string>> } = {},
): Promise<TestSurfaces> {
  const metrics = createMetrics("surfaces");
  const at = { order: address, stock: address, payment: address, shipping: address, identity: address, ...addresses };
  const services = openServices(at, { metrics, tokens });
  const readiness = watchReadiness(services.channels, { log: silentLog });
  const app = await createSurfaces({
    services,
    readiness,
    log: silentLog,
    metrics,
    currency: "USD",
    paymentMethod: "pm_ok",
    bodyLimitBytes: 1024 * 1024,
    ...options,
  });
  return listen(app, async () => {
    await readiness[Symbol.asyncDispose]();
    services[Symbol.dispose]();
  });
}

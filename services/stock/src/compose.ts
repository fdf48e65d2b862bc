import type { Pool } from "@sagacart/chassis/postgres/pool";
import { forgetOldRequests } from "@sagacart/chassis/postgres/request-retention";
import type { Log } from "@sagacart/chassis/process/log";
import type { Running } from "@sagacart/chassis/process/main";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";
import { stockService } from "./levels/stock-service.ts";
import { createMeters } from "./meters.ts";
import { productService } from "./products/product-service.ts";
import { startExpiry } from "./reservations/expiry.ts";

export type StockOptions = { pool: Pool; log: Log; metrics: Metrics; expiryIntervalMs: number };

/** Wires the RPC handlers and the background loops. */
export function startStock({ pool, log, metrics, expiryIntervalMs }: StockOptions): Running {
  const meters = createMeters(metrics);
  return {
    routes(router) {
      router.service(ProductService, productService(pool));
      router.service(StockService, stockService(pool, meters));
    },
    background: [startExpiry({ pool, log, meters, intervalMs: expiryIntervalMs }), forgetOldRequests({ pool, log })],
  };
}

import type { Log } from "@sagacart/chassis/log";
import type { Running } from "@sagacart/chassis/main";
import type { Pool } from "@sagacart/chassis/postgres";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";
import { startExpiry } from "./expiry.ts";
import { productService } from "./product-service.ts";
import { stockService } from "./stock-service.ts";

/** Puts the service together. */
export function startStock({
  pool,
  log,
  expiryIntervalMs,
}: {
  pool: Pool;
  log: Log;
  expiryIntervalMs: number;
}): Running {
  return {
    routes(router) {
      router.service(ProductService, productService(pool));
      router.service(StockService, stockService(pool));
    },
    background: [startExpiry({ pool, log, intervalMs: expiryIntervalMs })],
  };
}

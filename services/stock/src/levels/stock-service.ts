import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { currentActor } from "@sagacart/chassis/auth/actor";
import { decodePageToken, encodePageToken } from "@sagacart/chassis/postgres/page";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { fingerprintOf, once } from "@sagacart/chassis/postgres/request-ids";
import {
  AdjustStockRequestSchema,
  AdjustStockResponseSchema,
  ListMovementsResponseSchema,
  ReleaseManuallyRequestSchema,
  ReleaseManuallyResponseSchema,
  SetStockRequestSchema,
  SetStockResponseSchema,
  type StockService,
} from "@sagacart/proto/stock/v1/stock_service";
import { movementMessage, readMovementReason, readTarget } from "../messages.ts";
import type { Meters } from "../meters.ts";
import { pageOf, readBigint, rowsFor } from "../paging.ts";
import { productNotFound } from "../products/product.ts";
import { readProduct } from "../products/product-service.ts";
import { findProduct } from "../products/product-store.ts";
import { batchMethods } from "../reservations/batch-service.ts";
import { releaseManually } from "../reservations/release-manually.ts";
import { reservationMethods } from "../reservations/reservation-service.ts";
import { adjust } from "./adjust.ts";
import { listMovements } from "./level-store.ts";
import { setLevel } from "./set-level.ts";

/** Implements StockService: adjustments and movements here, reservations in their own files. */
export function stockService(pool: Pool, meters: Meters): ServiceImpl<typeof StockService> {
  return {
    ...reservationMethods(pool),
    ...batchMethods(pool, meters),
    async adjustStock(request) {
      const { productId, delta, reference, requestId } = request;
      const reason = readMovementReason(request.reason) ?? (delta > 0 ? "RECEIPT" : "CORRECTION");
      const fingerprint = fingerprintOf(AdjustStockRequestSchema, request, { without: ["request_id"] });
      await once(pool, { scope: "", requestId, method: "AdjustStock", fingerprint }, async (tx) => {
        await adjust(tx, { productId, delta, reason, reference }, currentActor());
        return productId;
      });
      return create(AdjustStockResponseSchema, { product: await readProduct(pool, productId) });
    },
    async setStock(request) {
      const { productId, requestId } = request;
      const target = readTarget("target", request.target);
      const fingerprint = fingerprintOf(SetStockRequestSchema, request, { without: ["request_id"] });
      await once(pool, { scope: "", requestId, method: "SetStock", fingerprint }, async (tx) => {
        await setLevel(tx, productId, target, currentActor());
        return productId;
      });
      return create(SetStockResponseSchema, { product: await readProduct(pool, productId) });
    },
    // Works for deleted products, too: their movements stay.
    async listMovements({ productId, pageSize, pageToken }) {
      const list = `movements of ${productId}`;
      const token = decodePageToken(pageToken, list, ["bigint"]);
      if ((await findProduct(pool, productId)) === undefined) {
        throw productNotFound(productId);
      }
      const beforeId = token === undefined ? 2n ** 63n - 1n : readBigint(token[0]);
      const rows = await listMovements(pool, { productId, beforeId, limit: rowsFor(pageSize) });
      const { page, last } = pageOf(rows, pageSize);
      return create(ListMovementsResponseSchema, {
        movements: page.map(movementMessage),
        nextPageToken: last === undefined ? "" : encodePageToken([last.id], list),
      });
    },
    async releaseManually(request) {
      const { productId, quantity, requestId } = request;
      const fingerprint = fingerprintOf(ReleaseManuallyRequestSchema, request, { without: ["request_id"] });
      await once(pool, { scope: "", requestId, method: "ReleaseManually", fingerprint }, async (tx) => {
        await releaseManually(tx, { productId, quantity }, currentActor());
        return productId;
      });
      return create(ReleaseManuallyResponseSchema, { product: await readProduct(pool, productId) });
    },
  };
}

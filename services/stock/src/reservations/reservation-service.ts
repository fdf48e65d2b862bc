import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { currentActor } from "@sagacart/chassis/auth/actor";
import { decodePageToken, encodePageToken } from "@sagacart/chassis/postgres/page";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import { fingerprintOf, once } from "@sagacart/chassis/postgres/request-ids";
import { invalid } from "@sagacart/chassis/rpc/violation";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { Product } from "@sagacart/proto/stock/v1/product";
import {
  CommitReservationResponseSchema,
  GetReservationResponseSchema,
  ListReservationsRequestSchema,
  ListReservationsResponseSchema,
  PinReservationResponseSchema,
  ReleaseReservationResponseSchema,
  type ReserveStockRequest,
  ReserveStockRequestSchema,
  ReserveStockResponseSchema,
  type StockService,
} from "@sagacart/proto/stock/v1/stock_service";
import { productMessage, readKind, readState, readTime, reservationMessage } from "../messages.ts";
import { pageOf, readId, rowsFor } from "../paging.ts";
import { findProducts } from "../products/product-store.ts";
import { commit } from "./commit.ts";
import { pin } from "./pin.ts";
import { differs, ended, notPinned, outOfStock, reservationNotFound } from "./refusals.ts";
import { release } from "./release.ts";
import type { NewReservation, Reservation } from "./reservation.ts";
import { findReservation, listReservations } from "./reservation-list-store.ts";
import { lockReservations, setActor, setMaker } from "./reservation-store.ts";
import { reserve } from "./reserve.ts";

type Method =
  | "reserveStock"
  | "pinReservation"
  | "commitReservation"
  | "releaseReservation"
  | "getReservation"
  | "listReservations";

/** Implements the RPCs about one reservation: batches of one, with errors for refusals. */
export function reservationMethods(pool: Pool): Pick<ServiceImpl<typeof StockService>, Method> {
  return {
    async reserveStock(request) {
      const asked = readReservation(request);
      const fingerprint = fingerprintOf(ReserveStockRequestSchema, request, { without: ["request_id"] });
      const { resourceId } = await once(
        pool,
        { scope: "", requestId: request.requestId, method: "ReserveStock", fingerprint },
        async (tx) => {
          const id = await reserveOne(tx, asked, { keepRefusal: request.id !== "" });
          await setMaker(tx, id, currentActor());
          return id;
        },
      );
      const reservation = await read(pool, resourceId);
      if (reservation.state === "REFUSED") {
        throw outOfStock(reservation.id, reservation.shortages);
      }
      const products = await productsOf(pool, reservation);
      return create(ReserveStockResponseSchema, { reservation: reservationMessage(reservation), products });
    },
    async pinReservation({ id }) {
      const state = await withTransaction(pool, (tx) => pin(tx, id));
      switch (state) {
        case "PINNED":
          return create(PinReservationResponseSchema, { reservation: reservationMessage(await read(pool, id)) });
        case undefined:
          throw reservationNotFound(id);
        case "HELD":
          throw new Error(`reservation ${id} is HELD and could not be pinned, although it is locked`);
        default:
          throw ended(id, state);
      }
    },
    async commitReservation({ id }) {
      for (const outcome of await withTransaction(pool, (tx) => commit(tx, [id]))) {
        if (outcome.kind === "missing") {
          throw reservationNotFound(id);
        }
        if (outcome.kind === "notPinned") {
          throw notPinned(id, outcome.state);
        }
      }
      return create(CommitReservationResponseSchema, { reservation: reservationMessage(await read(pool, id)) });
    },
    async releaseReservation({ id }) {
      await withTransaction(pool, async (tx) => {
        const before = await lockReservations(tx, [id]);
        for (const { kind } of await release(tx, [id])) {
          if (kind === "committed") {
            throw ended(id, "COMMITTED");
          }
        }
        const state = before.get(id)?.state;
        if (state === undefined || state === "HELD" || state === "PINNED") {
          await setActor(tx, [id], currentActor());
        }
      });
      return create(ReleaseReservationResponseSchema, { reservation: reservationMessage(await read(pool, id)) });
    },
    async getReservation({ id }) {
      return create(GetReservationResponseSchema, { reservation: reservationMessage(await read(pool, id)) });
    },
    async listReservations(request) {
      const { pageSize, pageToken, productId } = request;
      const asked = fingerprintOf(ListReservationsRequestSchema, request, { without: ["page_size", "page_token"] });
      const list = `reservations ${Buffer.from(asked).toString("base64url")}`;
      const token = decodePageToken(pageToken, list, ["string"]);
      const rows = await listReservations(
        pool,
        {
          states: request.states.flatMap((state) => readState(state) ?? []),
          kind: readKind(request.kind),
          productId: productId === "" ? undefined : productId,
        },
        { beforeId: token && readId(token[0]), limit: rowsFor(pageSize) },
      );
      const { page, last } = pageOf(rows, pageSize);
      return create(ListReservationsResponseSchema, {
        reservations: page.map(reservationMessage),
        nextPageToken: last === undefined ? "" : encodePageToken([last.id], list),
      });
    },
  };
}

function readReservation({ id, kind: asked, lines, expireTime }: ReserveStockRequest): NewReservation {
  const kind = readKind(asked) ?? "MANUAL";
  if (kind === "ORDER" && id === "") {
    throw invalid("id", "id.order", "is required for a reservation of kind ORDER: it is the order's id");
  }
  return { id: id === "" ? uuidv7() : id, kind, lines, expireTime: readTime("expire_time", expireTime) };
}

/**
 * Reserves, and returns the id. With `keepRefusal` a shortage is kept under the id, so that a repeat is refused, too: for
 * ids that the caller chose. Under an id that nobody knows it would be of no use, so then it is thrown.
 */
async function reserveOne(
  tx: Transaction,
  request: NewReservation,
  { keepRefusal }: { keepRefusal: boolean },
): Promise<string> {
  const { id } = request;
  for (const outcome of await reserve(tx, [request])) {
    switch (outcome.kind) {
      case "reserved":
        break;
      case "outOfStock":
        if (!keepRefusal) {
          throw outOfStock(id, outcome.shortages);
        }
        break;
      case "released":
        throw ended(id, "RELEASED");
      case "expired":
        throw ended(id, "EXPIRED");
      case "differs":
        throw differs(id);
      default:
        outcome satisfies never;
    }
  }
  return id;
}

async function read(pool: Pool, id: string): Promise<Reservation> {
  const reservation = await findReservation(pool, id);
  if (reservation === undefined) {
    throw reservationNotFound(id);
  }
  return reservation;
}

/** Returns the products of a reservation as they are now, in the order of its lines; without those deleted meanwhile. */
async function productsOf(pool: Pool, { lines }: Reservation): Promise<Product[]> {
  const found = await findProducts(pool, { ids: lines.map(({ productId }) => productId), skus: [] });
  const byId = new Map(found.map((product) => [product.id, productMessage(product)]));
  return lines.flatMap(({ productId }) => byId.get(productId) ?? []);
}

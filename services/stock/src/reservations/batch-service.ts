import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { refuseNamedTwice } from "@sagacart/chassis/rpc/named-twice";
import { invalid } from "@sagacart/chassis/rpc/violation";
import { Reservation_State } from "@sagacart/proto/stock/v1/reservation";
import {
  type BatchCommitResponse_Outcome,
  BatchCommitResponse_OutcomeSchema,
  BatchCommitResponseSchema,
  type BatchReleaseResponse_Outcome,
  BatchReleaseResponse_OutcomeSchema,
  BatchReleaseResponseSchema,
  type BatchReserveResponse_Outcome,
  BatchReserveResponse_OutcomeSchema,
  BatchReserveResponseSchema,
  BatchReserveResponse_Refused_Reason as Reason,
  type StockService,
} from "@sagacart/proto/stock/v1/stock_service";
import { readTime, shortageMessage, stateMessage } from "../messages.ts";
import type { Meters } from "../meters.ts";
import { type CommitOutcome, commit } from "./commit.ts";
import { type ReleaseOutcome, release } from "./release.ts";
import type { NewReservation } from "./reservation.ts";
import { type ReserveOutcome, reserve } from "./reserve.ts";

const maxLines = 10_000;

/** Implements the RPCs that the saga calls: many orders each, in one transaction. */
export function batchMethods(
  pool: Pool,
  meters: Meters,
): Pick<ServiceImpl<typeof StockService>, "batchReserve" | "batchCommit" | "batchRelease"> {
  return {
    async batchReserve({ items }) {
      const requested = items.map(
        ({ orderId, lines, expireTime }, index): NewReservation => ({
          id: orderId,
          kind: "ORDER",
          lines,
          expireTime: readTime(`items[${index}].expire_time`, expireTime),
        }),
      );
      refuseNamedTwice(
        "items",
        requested.map(({ id }) => id),
      );
      if (requested.reduce((count, { lines }) => count + lines.length, 0) > maxLines) {
        throw invalid("items", "items.max_lines", `must not have more than ${maxLines} lines in all`);
      }
      const outcomes = await withTransaction(pool, (tx) => reserve(tx, requested));
      meters.reserved(outcomes);
      return create(BatchReserveResponseSchema, {
        outcomes: outcomes.map((outcome, index) => reserveMessage(requested[index]?.id ?? "", outcome)),
      });
    },
    async batchCommit({ orderIds }) {
      const outcomes = await withTransaction(pool, (tx) => commit(tx, orderIds));
      return create(BatchCommitResponseSchema, {
        outcomes: outcomes.map((outcome, index) => commitMessage(orderIds[index] ?? "", outcome)),
      });
    },
    async batchRelease({ orderIds }) {
      const outcomes = await withTransaction(pool, (tx) => release(tx, orderIds));
      return create(BatchReleaseResponseSchema, {
        outcomes: outcomes.map((outcome, index) => releaseMessage(orderIds[index] ?? "", outcome)),
      });
    },
  };
}

function reserveMessage(orderId: string, outcome: ReserveOutcome): BatchReserveResponse_Outcome {
  const refused = (reason: Reason) =>
    create(BatchReserveResponse_OutcomeSchema, { orderId, outcome: { case: "refused", value: { reason } } });
  switch (outcome.kind) {
    case "reserved": {
      const state = stateMessage[outcome.state];
      return create(BatchReserveResponse_OutcomeSchema, { orderId, outcome: { case: "reserved", value: { state } } });
    }
    case "outOfStock": {
      const value = { reason: Reason.OUT_OF_STOCK, shortages: outcome.shortages.map(shortageMessage) };
      return create(BatchReserveResponse_OutcomeSchema, { orderId, outcome: { case: "refused", value } });
    }
    case "released":
      return refused(Reason.RELEASED);
    case "expired":
      return refused(Reason.EXPIRED);
    case "differs":
      return refused(Reason.DIFFERS);
    default:
      return outcome satisfies never;
  }
}

function commitMessage(orderId: string, outcome: CommitOutcome): BatchCommitResponse_Outcome {
  if (outcome.kind === "committed") {
    return create(BatchCommitResponse_OutcomeSchema, { orderId, outcome: { case: "committed", value: {} } });
  }
  const state = outcome.kind === "missing" ? Reservation_State.UNSPECIFIED : stateMessage[outcome.state];
  return create(BatchCommitResponse_OutcomeSchema, { orderId, outcome: { case: "refused", value: { state } } });
}

function releaseMessage(orderId: string, { kind }: ReleaseOutcome): BatchReleaseResponse_Outcome {
  return create(BatchReleaseResponse_OutcomeSchema, { orderId, outcome: { case: kind, value: {} } });
}

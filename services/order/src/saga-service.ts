import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { type Pool, type Transaction, withTransaction } from "@sagacart/chassis/postgres/pool";
import { refuseNamedTwice } from "@sagacart/chassis/rpc/named-twice";
import { appendEvents } from "@sagacart/outbox/events/append";
import { Order_State, OrderRefund_State } from "@sagacart/proto/order/v1/order";
import { CheckoutRequestSchema } from "@sagacart/proto/order/v1/order_service";
import {
  BatchBeginResponse_DroppedSchema,
  BatchBeginResponse_OutcomeSchema,
  BatchBeginResponseSchema,
  BatchGetOrdersResponseSchema,
  BatchHandOverResponseSchema,
  type BatchMoveRequest_Item,
  BatchMoveResponse_OutcomeSchema,
  BatchMoveResponseSchema,
  ClearIncidentResponseSchema,
  PlaceOrderResponseSchema,
  RaiseIncidentResponseSchema,
  RecordDeclineResponseSchema,
  RecordRefundResponseSchema,
  type SagaService,
} from "@sagacart/proto/order/v1/saga_service";
import type { Checkout } from "./checkout.ts";
import { clearIncident, raiseIncident } from "./incident-store.ts";
import type { Meters } from "./meters.ts";
import { endsAsFromProto, isFinal, type State, stateFromProto, stateToProto } from "./order.ts";
import { orderNotFound } from "./order-service.ts";
import { loadOrders } from "./order-store.ts";
import { settleRefund } from "./refund-store.ts";
import { handOver, type MoveItem, moveOrders, takeOrders } from "./saga-store.ts";

export type SagaServiceOptions = {
  pool: Pool;
  checkout: Checkout;
  meters?: Meters | undefined;
  /** Called after each commit with the orders that changed, and where they stand now. */
  changed: (orders: readonly (readonly [orderId: string, state: State])[]) => void;
  /** Called after a commit that recorded commands. */
  commanded: () => void;
};

/** The handlers of SagaService: the promises are in its proto. */
export function createSagaService(options: SagaServiceOptions): ServiceImpl<typeof SagaService> {
  const { pool, checkout, meters, changed, commanded } = options;
  return {
    async placeOrder({ workflowId, checkout: request }) {
      const { orderId } = await checkout(request ?? create(CheckoutRequestSchema), workflowId);
      const order = (await loadOrders(pool, [orderId])).get(orderId);
      return create(PlaceOrderResponseSchema, { order });
    },

    async batchBegin({ workflowId, orderIds }) {
      const orders = await withTransaction(pool, async (tx) => {
        await takeOrders(tx, workflowId, orderIds);
        return await loadOrders(tx, orderIds);
      });
      const outcomes = orderIds.map((orderId) => {
        const order = orders.get(orderId);
        const state = stateFromProto(order?.state ?? Order_State.UNSPECIFIED);
        const mine = order?.workflowId === workflowId && state !== undefined && !isFinal(state);
        return create(BatchBeginResponse_OutcomeSchema, {
          orderId,
          outcome: mine
            ? { case: "taken", value: order }
            : {
                case: "dropped",
                value: create(BatchBeginResponse_DroppedSchema, { workflowId: order?.workflowId ?? "" }),
              },
        });
      });
      return create(BatchBeginResponseSchema, { outcomes });
    },

    async batchMove({ workflowId, items }) {
      refuseNamedTwice(
        "items",
        items.map(({ orderId }) => orderId),
      );
      const moved = await withTransaction(pool, (tx) => moveOrders(tx, workflowId, items.map(toMoveItem)));
      meters?.moved(moved.values());
      changed([...moved].map(([orderId, { state }]) => [orderId, state] as const));
      return create(BatchMoveResponseSchema, {
        outcomes: items.map(({ orderId }) => {
          const now = moved.get(orderId);
          return create(BatchMoveResponse_OutcomeSchema, {
            orderId,
            state: stateToProto(now?.state),
            endsAs: stateToProto(now?.endsAs),
          });
        }),
      });
    },

    async batchHandOver({ workflowId, orderIds }) {
      const handedOver = await withTransaction(pool, (tx) => handOver(tx, workflowId, orderIds));
      commanded();
      return create(BatchHandOverResponseSchema, { orderIds: handedOver });
    },

    async batchGetOrders({ orderIds }) {
      const orders = await loadOrders(pool, orderIds);
      return create(BatchGetOrdersResponseSchema, { orders: [...orders.values()] });
    },

    async recordDecline(request) {
      const { orderId } = request;
      const recorded = await withTransaction(pool, (tx) => recordDecline(tx, request));
      const order = (await loadOrders(pool, [orderId])).get(orderId);
      if (order === undefined) {
        throw orderNotFound(orderId);
      }
      if (recorded) {
        changed([[orderId, "AWAITING_PAYMENT"]]);
      }
      return create(RecordDeclineResponseSchema, { order });
    },

    async recordRefund(request) {
      const state = request.state === OrderRefund_State.SUCCEEDED ? "SUCCEEDED" : "FAILED";
      const refund = await withTransaction(pool, (tx) => settleRefund(tx, { ...request, state }));
      changed([[request.orderId, "COMPLETED"]]);
      return create(RecordRefundResponseSchema, { refund });
    },

    async raiseIncident(request) {
      const incidentId = await withTransaction(pool, (tx) => raiseIncident(tx, request));
      return create(RaiseIncidentResponseSchema, { incidentId });
    },

    async clearIncident(request) {
      await withTransaction(pool, (tx) => clearIncident(tx, request));
      return create(ClearIncidentResponseSchema);
    },
  };
}

function toMoveItem(item: BatchMoveRequest_Item): MoveItem {
  return {
    orderId: item.orderId,
    states: item.states.map(stateFromProto).filter((state) => state !== undefined),
    endsAs: endsAsFromProto(item.endsAs),
    outcomeReason: item.outcomeReason,
    outcomeDetail: item.outcomeDetail,
    shortages: item.shortages.map(({ productId, requested, available }) => ({ productId, requested, available })),
    trackingNumber: item.trackingNumber,
  };
}

/** An attempt of an order that still awaits payment was declined: the customer may try again. */
async function recordDecline(
  tx: Transaction,
  decline: { workflowId: string; orderId: string; attempt: number; declineReason: string },
): Promise<boolean> {
  const { rows } = await tx.query<{ sequence: number; customer_id: string; currency: string; total_minor: bigint }>(
    `update orders set payment_pending = false, decline_reason = $4, sequence = sequence + 1, update_time = now()
     where id = $1 and owner_workflow_id = $2 and state = 'AWAITING_PAYMENT' and payment_attempt = $3
       and payment_pending
     returning sequence, customer_id, currency, total_minor`,
    [decline.orderId, decline.workflowId, decline.attempt, decline.declineReason],
  );
  const order = rows[0];
  if (order === undefined) {
    return false;
  }
  await appendEvents(tx, [
    {
      subject: decline.orderId,
      sequence: order.sequence,
      type: "sagacart.order.payment_declined.v1",
      data: {
        orderId: decline.orderId,
        customerId: order.customer_id,
        state: "AWAITING_PAYMENT",
        reason: decline.declineReason,
        attempt: decline.attempt,
        total: { currencyCode: order.currency, minorUnits: order.total_minor.toString() },
      },
    },
  ]);
  return true;
}

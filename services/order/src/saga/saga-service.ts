import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { currentActor } from "@sagacart/chassis/auth/actor";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { refuseNamedTwice } from "@sagacart/chassis/rpc/named-twice";
import { Order_State, OrderRefund_State } from "@sagacart/proto/order/v1/order";
import { CheckoutRequestSchema } from "@sagacart/proto/order/v1/order_service";
import {
  BatchBeginResponse_DroppedSchema,
  BatchBeginResponse_OutcomeSchema,
  BatchBeginResponseSchema,
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
import type { Checkout } from "../checkout/record-checkouts.ts";
import { clearIncident, raiseIncident } from "../incidents/incident-store.ts";
import type { Meters } from "../meters.ts";
import { endsAsFromProto, isFinal, orderNotFound, type State, stateFromProto, stateToProto } from "../orders/order.ts";
import { loadOrders } from "../orders/order-store.ts";
import { settleRefund } from "../refunds/refund-requests.ts";
import type { OrderMove } from "./move.ts";
import { moveOrders, recordDecline } from "./move-orders.ts";
import { claimOrders, handOver } from "./owner-store.ts";

export type SagaServiceOptions = {
  pool: Pool;
  checkout: Checkout;
  meters?: Meters | undefined;
  /** Called after each commit with the orders that changed, and their states. */
  ordersChanged: (orders: readonly (readonly [orderId: string, state: State])[]) => void;
  /** Called after a commit that recorded commands. */
  commandsRecorded: () => void;
};

/** The handlers of SagaService; its proto documents them. */
export function createSagaService(options: SagaServiceOptions): ServiceImpl<typeof SagaService> {
  const { pool, checkout, meters, ordersChanged, commandsRecorded } = options;
  return {
    async placeOrder({ workflowId, checkout: request }) {
      const { orderId } = await checkout(request ?? create(CheckoutRequestSchema), workflowId);
      const order = (await loadOrders(pool, [orderId])).get(orderId);
      return create(PlaceOrderResponseSchema, { order });
    },

    async batchBegin({ workflowId, orderIds }) {
      const orders = await withTransaction(pool, async (tx) => {
        await claimOrders(tx, workflowId, orderIds);
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
                value: create(BatchBeginResponse_DroppedSchema, {
                  workflowId: order?.workflowId ?? "",
                  state: order?.state ?? Order_State.UNSPECIFIED,
                  outcomeReason: order?.outcomeReason ?? "",
                }),
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
      const moved = await withTransaction(pool, (tx) => moveOrders(tx, workflowId, items.map(toMove)));
      meters?.moved(moved.values());
      ordersChanged([...moved].map(([orderId, { state }]) => [orderId, state] as const));
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
      commandsRecorded();
      return create(BatchHandOverResponseSchema, { orderIds: handedOver });
    },

    async recordDecline(request) {
      const { orderId } = request;
      const recorded = await withTransaction(pool, (tx) => recordDecline(tx, request));
      const order = (await loadOrders(pool, [orderId])).get(orderId);
      if (order === undefined) {
        throw orderNotFound(orderId);
      }
      if (recorded) {
        ordersChanged([[orderId, "AWAITING_PAYMENT"]]);
      }
      return create(RecordDeclineResponseSchema, { order });
    },

    async recordRefund(request) {
      const state = request.state === OrderRefund_State.SUCCEEDED ? "SUCCEEDED" : "FAILED";
      const refund = await withTransaction(pool, (tx) =>
        settleRefund(tx, { ...request, state, amountMinor: request.amount?.minorUnits }),
      );
      ordersChanged([[request.orderId, "COMPLETED"]]);
      return create(RecordRefundResponseSchema, { refund });
    },

    async raiseIncident(request) {
      const incidentId = await withTransaction(pool, (tx) => raiseIncident(tx, request));
      return create(RaiseIncidentResponseSchema, { incidentId });
    },

    async clearIncident(request) {
      await withTransaction(pool, (tx) => clearIncident(tx, request, currentActor()));
      return create(ClearIncidentResponseSchema);
    },
  };
}

function toMove(item: BatchMoveRequest_Item): OrderMove {
  return {
    orderId: item.orderId,
    states: item.states.map(stateFromProto).filter((state) => state !== undefined),
    endsAs: endsAsFromProto(item.endsAs),
    outcomeReason: item.outcomeReason,
    outcomeDetail: item.outcomeDetail,
    shortages: item.shortages.map(({ productId, requested, available }) => ({ productId, requested, available })),
    trackingNumber: item.trackingNumber,
    payBack: item.payBack && {
      paidBack: item.payBack.paidBack,
      settledOtherwise: item.payBack.settledOtherwise,
    },
  };
}

import type { MessageInitShape } from "@bufbuild/protobuf";
import { errorInfo } from "@sagacart/chassis/errors";
import { isStarted } from "@sagacart/outbox/commands/command-store";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import type { PayBackSchema } from "@sagacart/proto/type/v1/pay_back";
import type { TestOrderService } from "./order.ts";

type MoveDetails = {
  endsAs?: Order_State;
  outcomeReason?: string;
  payBack?: MessageInitShape<typeof PayBackSchema>;
  shortages?: { productId: string; requested: number; available: number }[];
};

/** Shorthands for making orders and moving them like the worker does. */
export function testOrders(service: () => TestOrderService) {
  let count = 0;

  /** Checks out one mug for ann, as order-1, order-2 and so on. Returns the order id. */
  async function newOrder(request: object = {}): Promise<string> {
    const { order } = await service().orders.checkout({
      customerId: "ann",
      lines: [{ productId: "mug", quantity: 1 }],
      orderId: `order-${++count}`,
      waitFor: WaitFor.ACCEPTED,
      ...request,
    });
    return order!.id;
  }

  /** Makes a workflow the owner of orders. Returns the case of each outcome. */
  async function begin(workflowId: string, orderIds: string[]) {
    const { outcomes } = await service().saga.batchBegin({ workflowId, orderIds });
    return outcomes.map(({ outcome }) => outcome.case);
  }

  /** Moves one order. Returns its state. */
  async function move(workflowId: string, orderId: string, states: Order_State[], details: MoveDetails = {}) {
    const items = [{ orderId, states, ...details }];
    const { outcomes } = await service().saga.batchMove({ workflowId, items });
    return outcomes[0]?.state;
  }

  /** Brings a PENDING order to a state; its owner is the workflow `w-<order id>`. */
  async function bring(orderId: string, state: "RESERVED" | "AWAITING_PAYMENT" | "SHIPPING" | "COMPLETED") {
    const workflowId = `w-${orderId}`;
    await begin(workflowId, [orderId]);
    await move(workflowId, orderId, [Order_State.RESERVED]);
    if (state === "AWAITING_PAYMENT") {
      await move(workflowId, orderId, [Order_State.AWAITING_PAYMENT]);
    } else if (state !== "RESERVED") {
      await move(workflowId, orderId, [Order_State.PAID, Order_State.SHIPPING]);
    }
    if (state === "COMPLETED") {
      await move(workflowId, orderId, [Order_State.COMPLETED]);
    }
  }

  /** The commands of an order that are not done. */
  async function commandsOf(orderId: string): Promise<{ kind: string; state: string }[]> {
    const { rows } = await service().pool.query(
      `select kind, case when ${isStarted} then 'STARTED' else state end as state from commands c where subject = $1`,
      [orderId],
    );
    return rows;
  }

  return { newOrder, begin, move, bring, commandsOf };
}

/** The reason that a call fails with; "" if it succeeds. */
export async function reasonOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => undefined,
    (error) => error,
  );
  return errorInfo(error).reason;
}

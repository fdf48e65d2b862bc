import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import { type Order, Order_State, Order_StateSchema } from "@sagacart/proto/order/v1/order";

/** Makes an error of an order that did not end COMPLETED, for surfaces with a status for it. In the contract it is an answer. */
export function orderRefused(order: Order): ConnectError {
  const state = Order_StateSchema.value[order.state]?.localName ?? "FAILED";
  const reason = order.outcomeReason === "" ? state : order.outcomeReason;
  const short = order.shortages.map(
    ({ productId, requested, available }) => `${productId}: ${requested} asked for, ${available} there`,
  );
  const details = [order.outcomeDetail, ...short].filter((text) => text !== "");
  const metadata: Record<string, string> = { order_id: order.id, state };
  if (order.outcomeDetail !== "") {
    metadata.detail = order.outcomeDetail;
  }
  for (const { productId, requested, available } of order.shortages) {
    metadata[`short.${productId}`] = `${available} of ${requested}`;
  }
  const message = `the order was not made: ${reason}${details.length > 0 ? ` (${details.join("; ")})` : ""}`;
  const info = create(ErrorInfoSchema, { reason, domain: "order.sagacart", metadata });
  const error = new ConnectError(message, Code.FailedPrecondition);
  error.details = [{ desc: ErrorInfoSchema, value: info }];
  return error;
}

/** Returns true if waiting for this order is pointless: it is final, or only a person can move it. */
export function isDecided({ state }: Order): boolean {
  switch (state) {
    case Order_State.COMPLETED:
    case Order_State.REJECTED:
    case Order_State.CANCELLED:
    case Order_State.EXPIRED:
    // The same cart was checked out elsewhere, to be paid later: waiting would not end.
    case Order_State.AWAITING_PAYMENT:
      return true;
    default:
      return false;
  }
}

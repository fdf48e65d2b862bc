import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import { type Order, Order_StateSchema } from "@sagacart/proto/order/v1/order";

/**
 * An order that ended otherwise than COMPLETED, as an error: for the surfaces where that is what a status says. In
 * the contract it is an answer.
 */
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

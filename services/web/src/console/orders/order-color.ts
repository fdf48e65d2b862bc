import { Order_State } from "@sagacart/proto/order/v1/order";

/** The color of an order's state. The state is always written, too. */
export function orderColor(state: Order_State): string {
  switch (state) {
    case Order_State.COMPLETED:
      return "green.9";
    case Order_State.CANCELLING:
    case Order_State.REJECTED:
    case Order_State.CANCELLED:
    case Order_State.EXPIRED:
      return "red.9";
    default:
      return "indigo";
  }
}

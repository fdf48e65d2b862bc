import { Order_State } from "@sagacart/proto/order/v1/order";
import type { Tone } from "../tone-badge.tsx";

/** How good it is what an order's state says. */
export function orderTone(state: Order_State): Tone {
  switch (state) {
    case Order_State.COMPLETED:
      return "good";
    case Order_State.CANCELLING:
    case Order_State.REJECTED:
    case Order_State.CANCELLED:
    case Order_State.EXPIRED:
      return "bad";
    default:
      return "neutral";
  }
}

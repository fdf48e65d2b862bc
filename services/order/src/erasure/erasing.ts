import { isMessage, type Message } from "@bufbuild/protobuf";
import { type Erasing, type ErasingOptions, startErasing } from "@sagacart/privacy/erasing";
import { BatchPutCartsRequestSchema } from "@sagacart/proto/order/v1/cart_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { guestCustomerIdOf } from "../carts/guest-token.ts";
import { findGuestIds } from "./alias-store.ts";

/** Deletes the personal data of deleted users. A guest whose order a user has claimed is erased with the user. */
export function startOrderErasing(options: Pick<ErasingOptions, "pool" | "log" | "channel" | "settleMs">): Erasing {
  const { cancelOrder, refundOrder } = OrderService.method;
  return startErasing({
    ...options,
    service: "order",
    allowed: [cancelOrder, refundOrder],
    findAliases: findGuestIds,
    customersOf,
  });
}

/** Returns the guest whose token a request has, and the customers of the carts that it writes. */
function customersOf(request: Message): readonly string[] {
  if (isMessage(request, BatchPutCartsRequestSchema)) {
    return request.items.map(({ customerId }) => customerId);
  }
  const token: unknown = Reflect.get(request, "guestToken");
  return typeof token === "string" && token !== "" ? [guestCustomerIdOf(token)] : [];
}

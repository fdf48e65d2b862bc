import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { errorInfo } from "@sagacart/chassis/errors";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { InboxService } from "@sagacart/proto/notifier/v1/inbox_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";

/** Calls a method that needs a token. The rest of the request does not matter: the token is looked at first. */
export const callsByService: Readonly<
  Record<string, (address: string, options: { headers: Headers }) => Promise<unknown>>
> = {
  order: (address, options) => createServiceClient(OrderService, openChannel(address)).listOrders({}, options),
  stock: (address, options) => createServiceClient(StockService, openChannel(address)).adjustStock({}, options),
  payment: (address, options) => createServiceClient(AccountService, openChannel(address)).getAccount({}, options),
  shipping: (address, options) => createServiceClient(ShippingService, openChannel(address)).getShipment({}, options),
  notifier: (address, options) =>
    createServiceClient(InboxService, openChannel(address)).listInboxMessages({}, options),
  identity: (address, options) =>
    createServiceClient(IdentityService, openChannel(address)).getUser({ id: "me" }, options),
};

/** Returns the reason for which the token is refused at an address, or "" if it is not. */
export async function refusalAt(service: string, address: string, accessToken: string): Promise<string> {
  const headers = new Headers({ authorization: `Bearer ${accessToken}` });
  const reason = await callsByService[service]?.(address, { headers }).then(
    () => "",
    (error: unknown) => errorInfo(error).reason,
  );
  return reason === "ISSUER_UNAVAILABLE" || reason?.startsWith("TOKEN_") ? reason : "";
}

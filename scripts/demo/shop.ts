import type { Client } from "@connectrpc/connect";
import type { CallTokens } from "@sagacart/chassis/auth/service-tokens";
import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { MailboxService, NotifierService } from "@sagacart/proto/notifier/v1/notifier_service";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { GuestCartService } from "@sagacart/proto/order/v1/guest_cart_service";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";
import { type ServiceName, serviceNames } from "../shop.ts";
import { operatorTokens } from "../stack/tokens.ts";

/** A client for each service of a running shop. */
export type Shop = {
  readonly orders: Client<typeof OrderService>;
  readonly carts: Client<typeof CartService>;
  readonly guests: Client<typeof GuestCartService>;
  readonly incidents: Client<typeof IncidentService>;
  readonly products: Client<typeof ProductService>;
  readonly stock: Client<typeof StockService>;
  readonly accounts: Client<typeof AccountService>;
  readonly payments: Client<typeof PaymentService>;
  readonly shipping: Client<typeof ShippingService>;
  readonly notifier: Client<typeof NotifierService>;
  readonly mailbox: Client<typeof MailboxService>;
  readonly users: Client<typeof IdentityService>;
};

/** Connects to the services at these addresses (`host:port` by name), by default as the shop's operator. */
export function connectShop(
  addresses: Readonly<Record<string, string>>,
  tokens: CallTokens = operatorTokens(addresses),
): Shop & Disposable {
  const channels = new Map(serviceNames.map((name) => [name, openChannel(addressOf(addresses, name), { tokens })]));
  const channel = (name: ServiceName) => {
    const opened = channels.get(name);
    if (opened === undefined) {
      throw new Error(`there is no channel to ${name}`);
    }
    return opened;
  };
  return {
    orders: createServiceClient(OrderService, channel("order")),
    carts: createServiceClient(CartService, channel("order")),
    guests: createServiceClient(GuestCartService, channel("order")),
    incidents: createServiceClient(IncidentService, channel("order")),
    products: createServiceClient(ProductService, channel("stock")),
    stock: createServiceClient(StockService, channel("stock")),
    accounts: createServiceClient(AccountService, channel("payment")),
    payments: createServiceClient(PaymentService, channel("payment")),
    shipping: createServiceClient(ShippingService, channel("shipping")),
    notifier: createServiceClient(NotifierService, channel("notifier")),
    mailbox: createServiceClient(MailboxService, channel("notifier")),
    users: createServiceClient(IdentityService, channel("identity")),
    [Symbol.dispose]() {
      for (const opened of channels.values()) {
        opened.close();
      }
    },
  };
}

function addressOf(addresses: Readonly<Record<string, string>>, name: string): string {
  const address = addresses[name];
  if (address === undefined) {
    throw new Error(`the shop has no address of its ${name} service`);
  }
  return address;
}

/** Returns the name of an order's state. */
export function stateOf({ state }: Order): string {
  return Object.entries(Order_State).find(([, value]) => value === state)?.[0] ?? String(state);
}

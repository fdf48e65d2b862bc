import { callersToken } from "@sagacart/chassis/auth/callers-token";
import type { CallTokens, ServiceTokens } from "@sagacart/chassis/auth/service-tokens";
import { createServiceClient, withTokens } from "@sagacart/chassis/client/client";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import type { Tls } from "@sagacart/chassis/tls/files";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";
import { type Channels, closeChannels, openChannels } from "@sagacart/rest/channels";

export type ServiceName = "order" | "stock" | "payment" | "shipping" | "identity";

export type Clients = ReturnType<typeof createClients>;

/** The connections to the services. */
export type Services = Disposable & {
  readonly channels: Channels<ServiceName>;
  /** Clients that call with this process's own token: for surfaces without a sign-in. */
  readonly own: Clients;
  /** Clients that call with the token of the request that they are called for, and never with another. */
  readonly asCaller: Clients;
};

/** Opens them; each connects at its first call. Without `tokens`, this process has no token of its own; without `tls`, plain text. */
export function openServices(
  addresses: Readonly<Record<ServiceName, string>>,
  { metrics, tokens, tls }: { metrics: Metrics; tokens?: ServiceTokens | undefined; tls?: Tls | undefined },
): Services {
  const channels = openChannels(addresses, { metrics, tls });
  return {
    channels,
    own: createClients(channels, tokens),
    asCaller: createClients(channels, callersToken),
    [Symbol.dispose]() {
      // It fetches no more tokens; nothing waits for it.
      void tokens?.[Symbol.asyncDispose]();
      closeChannels(channels);
    },
  };
}

function createClients(channels: Channels<ServiceName>, tokens: CallTokens | undefined) {
  const to = (name: ServiceName) => withTokens(channels[name], tokens);
  const [order, stock, payment] = [to("order"), to("stock"), to("payment")];
  return {
    carts: createServiceClient(CartService, order),
    orders: createServiceClient(OrderService, order),
    incidents: createServiceClient(IncidentService, order),
    products: createServiceClient(ProductService, stock),
    stock: createServiceClient(StockService, stock),
    accounts: createServiceClient(AccountService, payment),
    payments: createServiceClient(PaymentService, payment),
    shipping: createServiceClient(ShippingService, to("shipping")),
    users: createServiceClient(IdentityService, to("identity")),
  };
}

import type { DescService } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { type Channel, createServiceClient, openChannel } from "@sagacart/chassis/client";
import { createGrpcTransport } from "@sagacart/chassis/client/transport";
import { clientMeter, type Metrics } from "@sagacart/chassis/metrics";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { MailboxService, NotifierService } from "@sagacart/proto/notifier/v1/notifier_service";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";

export const serviceNames = ["order", "stock", "payment", "shipping", "notifier", "identity"] as const;
export type ServiceName = (typeof serviceNames)[number];

/** The services that have something public, and which process has each. */
export const publicServices: ReadonlyMap<DescService, ServiceName> = new Map<DescService, ServiceName>([
  [CartService, "order"],
  [OrderService, "order"],
  [IncidentService, "order"],
  // Payment and shipping have a feed too; the public one is that of orders.
  [EventService, "order"],
  [ProductService, "stock"],
  [StockService, "stock"],
  [AccountService, "payment"],
  [PaymentService, "payment"],
  [ShippingService, "shipping"],
  [NotifierService, "notifier"],
  [MailboxService, "notifier"],
  [IdentityService, "identity"],
]);

/** The connections to the services. */
export type Services = Disposable & {
  readonly channels: Readonly<Record<ServiceName, Channel>>;
  /** For calls of a service by its descriptor. */
  transportTo(service: DescService): Transport;
  /** Clients for the surfaces. */
  readonly clients: ReturnType<typeof createClients>;
};

/** Opens them; each connects at its first call. */
export function openServices(addresses: Readonly<Record<ServiceName, string>>, metrics: Metrics): Services {
  const open = (name: ServiceName) => openChannel(addresses[name], { metrics });
  const channels = {
    order: open("order"),
    stock: open("stock"),
    payment: open("payment"),
    shipping: open("shipping"),
    notifier: open("notifier"),
    identity: open("identity"),
  };
  const meter = clientMeter(metrics);
  const transports = new Map(
    [...publicServices].map(([service, name]) => [
      service.typeName,
      createGrpcTransport({ client: channels[name].join(service), defaultTimeoutMs: 10_000, meter }),
    ]),
  );
  return {
    channels,
    clients: createClients(channels),
    transportTo(service) {
      const transport = transports.get(service.typeName);
      if (transport === undefined) {
        throw new Error(`${service.typeName} is not one of the services that the gateway passes calls to`);
      }
      return transport;
    },
    [Symbol.dispose]() {
      for (const channel of Object.values(channels)) {
        channel.close();
      }
    },
  };
}

function createClients({ order, stock, payment, shipping, identity }: Readonly<Record<ServiceName, Channel>>) {
  return {
    carts: createServiceClient(CartService, order),
    orders: createServiceClient(OrderService, order),
    products: createServiceClient(ProductService, stock),
    stock: createServiceClient(StockService, stock),
    accounts: createServiceClient(AccountService, payment),
    payments: createServiceClient(PaymentService, payment),
    shipping: createServiceClient(ShippingService, shipping),
    users: createServiceClient(IdentityService, identity),
  };
}

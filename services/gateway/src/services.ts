import type { DescService } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { callersToken } from "@sagacart/chassis/auth/callers-token";
import type { CallTokens, ServiceTokens } from "@sagacart/chassis/auth/service-tokens";
import {
  type Channel,
  type ChannelOptions,
  createServiceClient,
  openChannel,
  withTokens,
} from "@sagacart/chassis/client/client";
import { createGrpcTransport } from "@sagacart/chassis/client/transport";
import { clientMeter, type Metrics } from "@sagacart/chassis/process/metrics";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { InboxService } from "@sagacart/proto/notifier/v1/inbox_service";
import { MailboxService, NotifierService } from "@sagacart/proto/notifier/v1/notifier_service";
import { PreferenceService } from "@sagacart/proto/notifier/v1/preference_service";
import { TemplateService } from "@sagacart/proto/notifier/v1/template_service";
import { WebhookService } from "@sagacart/proto/notifier/v1/webhook_service";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { GuestCartService } from "@sagacart/proto/order/v1/guest_cart_service";
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
  [GuestCartService, "order"],
  [OrderService, "order"],
  [IncidentService, "order"],
  // Payment and shipping have a feed too: see alsoAt.
  [EventService, "order"],
  [ConsumerService, "order"],
  [ProductService, "stock"],
  [StockService, "stock"],
  [AccountService, "payment"],
  [PaymentService, "payment"],
  [ShippingService, "shipping"],
  [NotifierService, "notifier"],
  [MailboxService, "notifier"],
  [TemplateService, "notifier"],
  [PreferenceService, "notifier"],
  [InboxService, "notifier"],
  [WebhookService, "notifier"],
  [IdentityService, "identity"],
]);

/** What other processes serve as well. */
const alsoAt: readonly (readonly [DescService, ServiceName])[] = [
  [EventService, "payment"],
  [ConsumerService, "payment"],
  [EventService, "shipping"],
  [ConsumerService, "shipping"],
];

/** The connections to the services. */
export type Services = Disposable & {
  readonly channels: Readonly<Record<ServiceName, Channel>>;
  /**
   * For calls of a service by its descriptor, where several processes have it to that one. They take along the token
   * of the request that they are made for.
   */
  transportTo(service: DescService, at?: ServiceName): Transport;
  /** Clients for what has no sign-in of its own: they take along the gateway's own token. */
  readonly clients: ReturnType<typeof createClients>;
  /** The same, but for clients that act for whoever sends the request, with that one's token. */
  readonly asCaller: Services;
};

/** Opens them; each connects at its first call. Without `tokens`, the gateway has none of its own. */
export function openServices(
  addresses: Readonly<Record<ServiceName, string>>,
  metrics: Metrics,
  tokens?: ServiceTokens | undefined,
  options: Pick<ChannelOptions, "tls" | "keepaliveIntervalMs"> = {},
): Services {
  const open = (name: ServiceName) => openChannel(addresses[name], { metrics, ...options });
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
    [...publicServices, ...alsoAt].map(([service, name]) => [
      `${name} ${service.typeName}`,
      createGrpcTransport({
        client: channels[name].join(service),
        defaultTimeoutMs: 10_000,
        meter,
        tokens: callersToken,
      }),
    ]),
  );
  const shared = {
    channels,
    transportTo(service: DescService, at: ServiceName | undefined = publicServices.get(service)) {
      const transport = transports.get(`${at} ${service.typeName}`);
      if (transport === undefined) {
        throw new Error(`${service.typeName} at ${at} is not one of the services that the gateway passes calls to`);
      }
      return transport;
    },
    [Symbol.dispose]() {
      // It has no token to fetch any more; nobody waits for it.
      void tokens?.[Symbol.asyncDispose]();
      for (const channel of Object.values(channels)) {
        channel.close();
      }
    },
  };
  const asCaller: Services = {
    ...shared,
    clients: createClients(channels, callersToken),
    get asCaller() {
      return asCaller;
    },
  };
  return { ...shared, clients: createClients(channels, tokens), asCaller };
}

function createClients(channels: Readonly<Record<ServiceName, Channel>>, tokens: CallTokens | undefined) {
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
    preferences: createServiceClient(PreferenceService, to("notifier")),
    users: createServiceClient(IdentityService, to("identity")),
  };
}

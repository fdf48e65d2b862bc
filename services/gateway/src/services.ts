import type { DescService } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";
import { callersToken } from "@sagacart/chassis/auth/callers-token";
import type { CallTokens, ServiceTokens } from "@sagacart/chassis/auth/service-tokens";
import { type ChannelOptions, createServiceClient, withTokens } from "@sagacart/chassis/client/client";
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
import { ActivityService } from "@sagacart/proto/order/v1/activity_service";
import { AuditService } from "@sagacart/proto/order/v1/audit_service";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { GuestCartService } from "@sagacart/proto/order/v1/guest_cart_service";
import { GuestOrderService } from "@sagacart/proto/order/v1/guest_order_service";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { PersonalDataService } from "@sagacart/proto/privacy/v1/personal_data_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";
import { type Channels, closeChannels, openChannels } from "@sagacart/rest/channels";
import type { ServiceName } from "@sagacart/rest/needed-services";

export type { ServiceName };

/** The services with public methods, and the process that has each. */
export const publicServices: ReadonlyMap<DescService, ServiceName> = new Map<DescService, ServiceName>([
  [CartService, "order"],
  [GuestCartService, "order"],
  [OrderService, "order"],
  [GuestOrderService, "order"],
  [IncidentService, "order"],
  [ActivityService, "order"],
  [AuditService, "order"],
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

/** The processes that keep personal data, in the order of an export. */
export const personalDataAt = ["identity", "order", "payment", "shipping", "notifier"] as const;

/** The processes that have such a service besides. */
const alsoAt: readonly (readonly [DescService, ServiceName])[] = [
  [EventService, "payment"],
  [ConsumerService, "payment"],
  [EventService, "shipping"],
  [ConsumerService, "shipping"],
  ...personalDataAt.map((name) => [PersonalDataService, name] as const),
];

/** The connections to the services. */
export type Services = Disposable & {
  readonly channels: Channels<ServiceName>;
  /**
   * Returns the transport for calls to a service by its descriptor; where several processes have that service, to the one
   * named. A call takes along the token of the request that it is made for.
   */
  transportTo(service: DescService, at?: ServiceName): Transport;
  /** Clients for requests without a sign-in. Calls take along the gateway's own token, where a method needs one. */
  readonly clients: ReturnType<typeof createClients>;
};

export type ServicesOptions = Pick<ChannelOptions, "tls" | "keepaliveIntervalMs"> & {
  readonly metrics: Metrics;
  readonly tokens?: ServiceTokens | undefined;
};

/** Opens them; each connects at its first call. Without `tokens`, the gateway has no token of its own; without `tls`, plain text. */
export function openServices(
  addresses: Readonly<Record<ServiceName, string>>,
  { metrics, tokens, ...options }: ServicesOptions,
): Services {
  const channels = openChannels(addresses, { metrics, ...options });
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
  return {
    channels,
    clients: createClients(channels, tokens),
    transportTo(service: DescService, at: ServiceName | undefined = publicServices.get(service)) {
      const transport = transports.get(`${at} ${service.typeName}`);
      if (transport === undefined) {
        throw new Error(`${service.typeName} at ${at} is not one of the services that the gateway passes calls to`);
      }
      return transport;
    },
    [Symbol.dispose]() {
      // It fetches no more tokens; nothing waits for it.
      void tokens?.[Symbol.asyncDispose]();
      closeChannels(channels);
    },
  };
}

function createClients(channels: Channels<ServiceName>, tokens: CallTokens | undefined) {
  return {
    payments: createServiceClient(PaymentService, withTokens(channels.payment, tokens)),
    shipping: createServiceClient(ShippingService, withTokens(channels.shipping, tokens)),
    preferences: createServiceClient(PreferenceService, withTokens(channels.notifier, tokens)),
  };
}

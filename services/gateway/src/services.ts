import type { DescService } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { callersToken } from "@sagacart/chassis/auth/callers-token";
import type { CallTokens, ServiceTokens } from "@sagacart/chassis/auth/service-tokens";
import { type ChannelOptions, createServiceClient, openChannel, withTokens } from "@sagacart/chassis/client/client";
import { createGrpcTransport } from "@sagacart/chassis/client/transport";
import { clientMeter, type Metrics } from "@sagacart/chassis/process/metrics";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { LauncherService } from "@sagacart/proto/launcher/v1/launcher_service";
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
/** A process that the gateway passes calls to. The launcher is on laptops only. */
export type Upstream = ServiceName | "launcher";

/** The services with public methods, and the process that has each. */
export const publicServices: ReadonlyMap<DescService, Upstream> = new Map<DescService, Upstream>([
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
  [LauncherService, "launcher"],
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
  transportTo(service: DescService, at?: Upstream): Transport;
  /** Clients for requests without a sign-in. Calls take along the gateway's own token, where a method needs one. */
  readonly clients: ReturnType<typeof createClients>;
};

export type ServicesOptions = Pick<ChannelOptions, "tls" | "keepaliveIntervalMs"> & {
  readonly metrics: Metrics;
  readonly tokens?: ServiceTokens | undefined;
};

/**
 * Opens them; each connects at its first call. Without `tokens`, the gateway has no token of its own; without `tls`, plain text.
 * The launcher is on the same machine, in plain text; without its address, its methods are UNIMPLEMENTED.
 */
export function openServices(
  {
    launcher: launcherAddress,
    ...addresses
  }: Readonly<Record<ServiceName, string>> & {
    readonly launcher?: string | undefined;
  },
  { metrics, tokens, ...options }: ServicesOptions,
): Services {
  const channels = openChannels<ServiceName>(addresses, { metrics, ...options });
  const launcher = launcherAddress === undefined ? undefined : openChannel(launcherAddress, { metrics });
  const meter = clientMeter(metrics);
  const transports = new Map<string, Transport>(
    [...publicServices, ...alsoAt].map(([service, name]) => {
      const channel = name === "launcher" ? launcher : channels[name];
      const transport =
        channel === undefined
          ? notServed
          : createGrpcTransport({
              client: channel.join(service),
              defaultTimeoutMs: 10_000,
              meter,
              tokens: callersToken,
            });
      return [`${name} ${service.typeName}`, transport] as const;
    }),
  );
  return {
    channels,
    clients: createClients(channels, tokens),
    transportTo(service: DescService, at: Upstream | undefined = publicServices.get(service)) {
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
      launcher?.close();
    },
  };
}

/** For a service that this installation does not have. */
const notServed: Transport = {
  unary: async ({ parent }) => refuse(parent.typeName),
  stream: async ({ parent }) => refuse(parent.typeName),
};

function refuse(typeName: string): never {
  throw new ConnectError(`${typeName} is not served here`, Code.Unimplemented);
}

function createClients(channels: Channels<ServiceName>, tokens: CallTokens | undefined) {
  return {
    payments: createServiceClient(PaymentService, withTokens(channels.payment, tokens)),
    shipping: createServiceClient(ShippingService, withTokens(channels.shipping, tokens)),
    preferences: createServiceClient(PreferenceService, withTokens(channels.notifier, tokens)),
  };
}

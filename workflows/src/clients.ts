import type { Client } from "@connectrpc/connect";
import type { ServiceTokens } from "@sagacart/chassis/auth/service-tokens";
import { type Channel, createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import type { Metrics } from "@sagacart/chassis/process/metrics";
import type { Tls } from "@sagacart/chassis/tls/files";
import { CommandService } from "@sagacart/proto/command/v1/command_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { SagaService } from "@sagacart/proto/order/v1/saga_service";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";

/** The services that the steps of the saga call. */
export type Services = {
  readonly orders: Client<typeof OrderService>;
  readonly saga: Client<typeof SagaService>;
  readonly stock: Client<typeof StockService>;
  readonly payment: Client<typeof PaymentService>;
  readonly shipping: Client<typeof ShippingService>;
  /** For the gate only, which has its own product and customers. */
  readonly products: Client<typeof ProductService>;
  readonly accounts: Client<typeof AccountService>;
};

/** The sources of commands: each service's outbox. */
export type CommandSources = {
  readonly order: Client<typeof CommandService>;
  readonly payment: Client<typeof CommandService>;
  readonly shipping: Client<typeof CommandService>;
};

export type Addresses = {
  readonly ORDER_ADDRESS: string;
  readonly STOCK_ADDRESS: string;
  readonly PAYMENT_ADDRESS: string;
  readonly SHIPPING_ADDRESS: string;
};

/** Opens a channel to each service. Channels connect at the first call. */
export function connectServices(
  addresses: Addresses,
  metrics: Metrics,
  tokens?: ServiceTokens | undefined,
  tls?: Tls | undefined,
): { services: Services; commands: CommandSources; close(): void } {
  const channels: Channel[] = [];
  const open = (address: string) => {
    const channel = openChannel(address, { metrics, tokens, tls });
    channels.push(channel);
    return channel;
  };
  const order = open(addresses.ORDER_ADDRESS);
  const stock = open(addresses.STOCK_ADDRESS);
  const payment = open(addresses.PAYMENT_ADDRESS);
  const shipping = open(addresses.SHIPPING_ADDRESS);
  return {
    services: {
      orders: createServiceClient(OrderService, order),
      saga: createServiceClient(SagaService, order),
      stock: createServiceClient(StockService, stock),
      payment: createServiceClient(PaymentService, payment),
      shipping: createServiceClient(ShippingService, shipping),
      products: createServiceClient(ProductService, stock),
      accounts: createServiceClient(AccountService, payment),
    },
    commands: {
      order: createServiceClient(CommandService, order),
      payment: createServiceClient(CommandService, payment),
      shipping: createServiceClient(CommandService, shipping),
    },
    close() {
      for (const channel of channels) {
        channel.close();
      }
    },
  };
}

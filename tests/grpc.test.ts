import { execFile } from "node:child_process";
import { promisify } from "node:util";
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Client, credentials, Metadata, type ServiceError, status } from "@grpc/grpc-js";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { NotifierService } from "@sagacart/proto/notifier/v1/notifier_service";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { authorizationOf } from "../scripts/stack/tokens.ts";
import { findGrpcurl } from "./support/grpcurl.ts";
import { startShop, type TestShop } from "./support/shop.ts";

const run = promisify(execFile);

let test_: TestShop;
let program: string;
/** The operator's authorization header. */
let authorization: string;
beforeAll(async () => {
  [test_, program] = await Promise.all([startShop(), findGrpcurl()]);
  authorization = await authorizationOf(test_.stack.addresses, "admin");
});
afterAll(() => test_?.[Symbol.asyncDispose]());

const services = {
  order: [
    "sagacart.command.v1.CommandService",
    "sagacart.event.v1.ConsumerService",
    "sagacart.event.v1.EventService",
    "sagacart.order.v1.ActivityService",
    "sagacart.order.v1.AuditService",
    "sagacart.order.v1.CartService",
    "sagacart.order.v1.GuestCartService",
    "sagacart.order.v1.GuestOrderService",
    "sagacart.order.v1.IncidentService",
    "sagacart.order.v1.OrderService",
    "sagacart.order.v1.SagaService",
    "sagacart.privacy.v1.PersonalDataService",
  ],
  stock: ["sagacart.stock.v1.ProductService", "sagacart.stock.v1.StockService"],
  payment: [
    "sagacart.command.v1.CommandService",
    "sagacart.event.v1.ConsumerService",
    "sagacart.event.v1.EventService",
    "sagacart.payment.v1.AccountService",
    "sagacart.payment.v1.PaymentService",
    "sagacart.privacy.v1.PersonalDataService",
  ],
  shipping: [
    "sagacart.command.v1.CommandService",
    "sagacart.event.v1.ConsumerService",
    "sagacart.event.v1.EventService",
    "sagacart.privacy.v1.PersonalDataService",
    "sagacart.shipping.v1.ShippingService",
  ],
  notifier: [
    "sagacart.notifier.v1.InboxService",
    "sagacart.notifier.v1.MailboxService",
    "sagacart.notifier.v1.NotifierService",
    "sagacart.notifier.v1.PreferenceService",
    "sagacart.notifier.v1.TemplateService",
    "sagacart.notifier.v1.WebhookService",
    "sagacart.privacy.v1.PersonalDataService",
  ],
  identity: [
    "sagacart.event.v1.ConsumerService",
    "sagacart.event.v1.EventService",
    "sagacart.identity.v1.IdentityService",
    "sagacart.privacy.v1.PersonalDataService",
  ],
};
const always = [
  "grpc.health.v1.Health",
  "grpc.reflection.v1.ServerReflection",
  "grpc.reflection.v1alpha.ServerReflection",
];

async function grpcurl(...args: string[]): Promise<{ stdout: string; stderr: string; failed: boolean }> {
  try {
    return { ...(await run(program, ["-plaintext", ...args])), failed: false };
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    return { stdout, stderr, failed: true };
  }
}

describe.each(Object.entries(services))("grpcurl and %s", (name, offered) => {
  const address = () => test_.stack.addresses[name]!;

  test("list the services", async () => {
    const { stdout } = await grpcurl(address(), "list");
    expect(stdout.trim().split("\n").toSorted()).toEqual([...always, ...offered].toSorted());
  });

  test("describe each service and a request message", async () => {
    for (const service of offered) {
      const { stdout } = await grpcurl(address(), "describe", service);
      expect(stdout).toContain(`service ${service.split(".").at(-1)} {`);
      const [, request = ""] = /rpc \w+ \( \.([\w.]+) \)/.exec(stdout) ?? [];
      expect((await grpcurl(address(), "describe", request)).stdout).toContain(
        `message ${request.split(".").at(-1)} {`,
      );
    }
  });

  test("get SERVING from the health check", async () => {
    const { stdout } = await grpcurl(address(), "grpc.health.v1.Health/Check");
    expect(JSON.parse(stdout)).toEqual({ status: "SERVING" });
  });
});

test("a caller without a token or without a role is refused", async () => {
  const order = test_.stack.addresses.order!;
  const list = "sagacart.order.v1.OrderService/ListOrders";
  const claim = "sagacart.command.v1.CommandService/ClaimCommands";
  expect((await grpcurl(order, list)).stderr).toMatch(/Code: Unauthenticated.*TOKEN_MISSING/s);
  const asAdmin = ["-H", `authorization: ${authorization}`];
  expect((await grpcurl(...asAdmin, order, claim)).stderr).toMatch(/Code: PermissionDenied.*ROLE_REQUIRED/s);
});

test.each([
  [
    "order",
    '{"customer_id":"ann","lines":[{"product_id":"x","quantity":-1}]}',
    "sagacart.order.v1.OrderService/Checkout",
    "lines",
  ],
  [
    "stock",
    '{"product":{"title":"","price":{"currency_code":"usd"}}}',
    "sagacart.stock.v1.ProductService/CreateProduct",
    "title",
  ],
  [
    "payment",
    '{"customer_id":"ann","amount":{"currency_code":"USD","minor_units":-5}}',
    "sagacart.payment.v1.AccountService/Deposit",
    "amount",
  ],
  ["shipping", '{"order_id":".."}', "sagacart.shipping.v1.ShippingService/GetShipment", "order_id"],
  ["notifier", '{"customer_id":"ann","email":"nobody"}', "sagacart.notifier.v1.NotifierService/PutContact", "email"],
])("an invalid request to %s is answered with its violations", async (name, data, method, field) => {
  const { stderr, failed } = await grpcurl(
    "-H",
    `authorization: ${authorization}`,
    "-d",
    data,
    test_.stack.addresses[name]!,
    method,
  );
  expect(failed).toBe(true);
  expect(stderr).toContain("InvalidArgument");
  expect(stderr).toContain("buf.validate.Violations");
  expect(stderr).toContain(field);
});

describe("a client made with plain @grpc/grpc-js", () => {
  const asOperator = () => {
    const metadata = new Metadata();
    metadata.set("authorization", authorization);
    return metadata;
  };

  function call<I extends DescMessage, O extends DescMessage>(
    name: string,
    method: DescMethodUnary<I, O>,
    request: MessageInitShape<I>,
  ) {
    const client = new Client(test_.stack.addresses[name]!, credentials.createInsecure());
    return new Promise<ReturnType<typeof fromBinary<O>>>((resolve, reject) => {
      client.makeUnaryRequest(
        `/${method.parent.typeName}/${method.name}`,
        (message: Parameters<typeof toBinary<I>>[1]) => Buffer.from(toBinary(method.input, message)),
        (bytes: Buffer) => fromBinary(method.output, bytes),
        create(method.input, request) as Parameters<typeof toBinary<I>>[1],
        asOperator(),
        (error: ServiceError | null, answer) => (error === null ? resolve(answer!) : reject(error)),
      );
    }).finally(() => client.close());
  }

  test("can call every service", async () => {
    const { product } = await call("stock", ProductService.method.createProduct, {
      product: { id: "plain", title: "Plain", price: { currencyCode: "USD", minorUnits: 100n } },
      initialOnHand: 1,
    });
    expect(product).toMatchObject({ id: "plain", available: 1 });
    const { account } = await call("payment", AccountService.method.createAccount, { customerId: "pat" });
    expect(account?.customerId).toBe("pat");
    const { cart } = await call("order", CartService.method.createCart, {
      customerId: "pat",
      lines: [{ productId: "plain", quantity: 1 }],
    });
    const { order } = await call("order", OrderService.method.checkout, {
      customerId: "pat",
      cartId: cart!.id,
      paymentMethod: "pm_ok",
    });
    const { shipment } = await call("shipping", ShippingService.method.getShipment, { orderId: order!.id });
    expect(shipment?.orderId).toBe(order?.id);
    const { contact } = await call("notifier", NotifierService.method.putContact, {
      customerId: "pat",
      email: "pat@example.com",
    });
    expect(contact?.email).toBe("pat@example.com");
    const { events } = await call("order", EventService.method.readEvents, {});
    expect(events.length).toBeGreaterThan(0);
  });

  test("gets an error's code, and its reason in the details", async () => {
    const failure: ServiceError = await call("order", OrderService.method.getOrder, { id: "nothing" }).then(
      () => expect.unreachable(),
      (error: ServiceError) => error,
    );
    expect(failure.code).toBe(status.NOT_FOUND);
    expect(failure.details).toBe("there is no order nothing");
    expect(String(failure.metadata.get("grpc-status-details-bin")[0])).toContain("ORDER_NOT_FOUND");
  });
});

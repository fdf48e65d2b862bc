import { Code, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RoleName } from "../../auth/principal.ts";
import { createServiceClient, openChannel } from "../../client/client.ts";
import { callContext } from "../../context.ts";
import { errorInfo } from "../../errors.ts";
import { EchoService } from "../../testing/echo-service.ts";
import { startIssuer, type TestIssuer } from "../../testing/issuer.ts";
import { startEcho, type TestServer } from "../../testing/test-server.ts";

let issuer: TestIssuer;
let server: TestServer;
const cleanup = new AsyncDisposableStack();

beforeAll(async () => {
  issuer = cleanup.use(await startIssuer());
  server = cleanup.use(
    await startEcho(
      {},
      {
        verifier: issuer.verifier(),
        routes(router) {
          router.service(OrderService, {
            checkout: ({ customerId }) => ({ order: { id: `of ${customerId}` } }),
            listOrders: ({ customerId }) => ({ orders: [{ id: `of ${customerId}` }] }),
            async *watchOrder() {
              yield { order: { id: seen() } };
              yield { order: { id: seen() } };
            },
          });
          router.service(AccountService, {
            getAccount: ({ customerId }) => ({ account: { customerId } }),
            listPostings: () => ({ nextPageToken: seen() }),
            listAccounts: () => ({ nextPageToken: seen() }),
          });
          router.service(ProductService, { getProduct: ({ id }) => ({ product: { id, title: seen() } }) });
        },
      },
    ),
  );
});
afterAll(() => cleanup.disposeAsync());

/** The caller, and the customer that the call is confined to. */
function seen(): string {
  const { principal, customerId } = callContext() ?? {};
  return `${principal?.subject} ${customerId === undefined ? "all customers" : JSON.stringify(customerId)}`;
}

const wires = {
  "over gRPC": () => {
    const channel = cleanup.use(openChannel(server.address));
    return {
      orders: createServiceClient(OrderService, channel),
      accounts: createServiceClient(AccountService, channel),
      products: createServiceClient(ProductService, channel),
    };
  },
  "over Connect": () => {
    const transport = createConnectTransport({ baseUrl: `http://${server.address}`, httpVersion: "2" });
    return {
      orders: createClient(OrderService, transport),
      accounts: createClient(AccountService, transport),
      products: createClient(ProductService, transport),
    };
  },
};

async function as(subject: string, ...roles: RoleName[]) {
  return { headers: { authorization: await issuer.bearer(subject, roles) } };
}

async function failure(call: Promise<unknown>) {
  const { code, reason, metadata, domain } = errorInfo(await call.catch((error) => error));
  return { code, reason, metadata, domain };
}

for (const [wire, connect] of Object.entries(wires)) {
  test(`${wire}, a customer's request gets the customer's id, if it has none`, async () => {
    const { orders } = connect();
    const { order } = await orders.checkout({ cartId: "c", requestId: "r" }, await as("ada", "customer"));
    expect(order?.id).toBe("of ada");
    const list = await orders.listOrders({ customerId: "ada" }, await as("ada", "customer"));
    expect(list.orders[0]?.id).toBe("of ada");
  });

  test(`${wire}, a customer cannot act for another one`, async () => {
    const { orders, accounts } = connect();
    const domain = "echo.sagacart";
    const metadata = { customer_id: "bob" };
    const ada = await as("ada", "customer");
    expect(await failure(orders.listOrders({ customerId: "bob" }, ada))).toEqual({
      code: Code.PermissionDenied,
      reason: "NOT_YOURS",
      metadata,
      domain,
    });
    expect(await failure(accounts.getAccount({ customerId: "bob", currencyCode: "EUR" }, ada))).toEqual({
      code: Code.NotFound,
      reason: "NOT_FOUND",
      metadata,
      domain,
    });
  });

  test(`${wire}, staff act for all customers, even with the customer role besides`, async () => {
    const { accounts } = connect();
    const of = { customerId: "bob", currencyCode: "EUR" };
    for (const roles of [["support"], ["customer", "operator"]] as RoleName[][]) {
      const { nextPageToken } = await accounts.listPostings(of, await as("eve", ...roles));
      expect(nextPageToken).toBe("eve all customers");
    }
  });

  test(`${wire}, a program that the contract names acts for all customers; any other one is refused`, async () => {
    const { orders, accounts } = connect();
    const named = await orders.checkout({ customerId: "bob", cartId: "c" }, await as("service:surfaces", "service"));
    expect(named.order?.id).toBe("of bob");
    for (const subject of ["service:worker", "service:", "surfaces", "eve"]) {
      const refused = await failure(orders.checkout({ customerId: "bob" }, await as(subject, "service", "operator")));
      expect(refused, subject).toMatchObject({ code: Code.PermissionDenied, reason: "SERVICE_NOT_ALLOWED" });
    }
    // The contract names it for another method.
    expect(await failure(accounts.listAccounts({}, await as("service:surfaces", "service")))).toEqual({
      code: Code.PermissionDenied,
      reason: "SERVICE_NOT_ALLOWED",
      metadata: { service: "surfaces", host: "echo" },
      domain: "echo.sagacart",
    });
  });

  test(`${wire}, a caller without a role is told which roles are allowed`, async () => {
    const { accounts } = connect();
    const refused = {
      code: Code.PermissionDenied,
      reason: "ROLE_REQUIRED",
      metadata: { roles: "support, operator" },
      domain: "echo.sagacart",
    };
    expect(await failure(accounts.listAccounts({}, await as("ada", "customer")))).toEqual(refused);
    expect(await failure(accounts.listAccounts({}, await as("ada")))).toEqual(refused);
  });

  test(`${wire}, a call without a valid token is refused`, async () => {
    const { accounts } = connect();
    const list = (authorization?: string) =>
      failure(accounts.listAccounts({}, authorization === undefined ? {} : { headers: { authorization } }));
    const reasons = {
      TOKEN_MISSING: await list(),
      TOKEN_EXPIRED: await list(await issuer.bearer("eve", ["operator"], { expiresInS: -1 })),
      TOKEN_INVALID: await list(await issuer.bearer("eve", ["operator"], { forged: true })),
    };
    for (const [reason, refused] of Object.entries(reasons)) {
      expect(refused).toEqual({ code: Code.Unauthenticated, reason, metadata: {}, domain: "echo.sagacart" });
    }
    expect(await list(issuer.unsigned("eve", ["operator"]))).toMatchObject({ reason: "TOKEN_INVALID" });
    expect(await list("Basic YTpi")).toMatchObject({ reason: "TOKEN_INVALID" });
  });

  test(`${wire}, a method for anyone ignores an invalid token`, async () => {
    const { products } = connect();
    const title = async (headers: Record<string, string>) =>
      (await products.getProduct({ id: "lamp" }, { headers })).product?.title;
    expect(await title({})).toBe('undefined ""');
    expect(await title({ authorization: "what?" })).toBe('undefined ""');
    const expired = await issuer.bearer("ada", ["customer"], { expiresInS: -1 });
    expect(await title({ authorization: expired })).toBe('undefined ""');
    expect(await title({ authorization: await issuer.bearer("ada", ["customer"]) })).toBe('ada "ada"');
  });

  test(`${wire}, a stream is confined from the first message to the last`, async () => {
    const { orders } = connect();
    const ids: (string | undefined)[] = [];
    for await (const { order } of orders.watchOrder({ id: "o-1" }, await as("ada", "customer"))) {
      ids.push(order?.id);
    }
    expect(ids).toEqual(['ada "ada"', 'ada "ada"']);
    const refused = async () => {
      for await (const _ of orders.watchOrder({ id: "o-1" })) {
        throw new Error("it answered");
      }
    };
    expect(await failure(refused())).toMatchObject({ reason: "TOKEN_MISSING" });
  });
}

test("a service with a method without an access rule does not start", async () => {
  const started = startEcho({}, { verifier: issuer.verifier(), routes: (router) => router.service(EchoService, {}) });
  await expect(started).rejects.toThrow(
    "the option (sagacart.auth.v1.access) is missing on sagacart.chassis.test.v1.EchoService/Repeat",
  );
});

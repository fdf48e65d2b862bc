import { Code, ConnectError, createClient, createRouterTransport } from "@connectrpc/connect";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { Movement_Reason, StockService } from "@sagacart/proto/stock/v1/stock_service";
import { beforeEach, expect, test } from "vitest";
import { type Cleanup, createCleanup } from "./cleanup.ts";

/** The changes that were asked for, in order. */
let asked: string[];
/** Fails the next call that this function returns an error for. */
let failure: (call: string) => ConnectError | undefined;
let cleanup: Cleanup;

function note(call: string): object {
  const error = failure(call);
  if (error !== undefined) {
    throw error;
  }
  asked.push(call);
  return {};
}

beforeEach(() => {
  asked = [];
  failure = () => undefined;
  const transport = createRouterTransport((router) => {
    router.service(ProductService, {
      deleteProduct: ({ id, releaseManual }) => note(`product ${id} ${releaseManual}`),
    });
    router.service(StockService, {
      adjustStock: ({ productId, delta, reason }) =>
        note(`${productId} ${delta} ${reason === Movement_Reason.CORRECTION}`),
    });
    router.service(CartService, {
      listCarts: ({ customerId }) => ({ carts: [{ id: `${customerId}-1` }, { id: `${customerId}-2` }] }),
      deleteCart: ({ id }) => note(`cart ${id}`),
    });
    router.service(IncidentService, {
      listIncidents: ({ orderId }) => ({ incidents: [{ id: `of-${orderId}` }] }),
      resolveIncident: ({ id, resolution }) => note(`incident ${id}: ${resolution}`),
    });
    router.service(IdentityService, {
      deleteUser: ({ id }) => note(`user ${id}`),
      eraseCustomer: ({ id }) => note(`customer ${id}`),
    });
  });
  cleanup = createCleanup(
    {
      products: createClient(ProductService, transport),
      stock: createClient(StockService, transport),
      carts: createClient(CartService, transport),
      incidents: createClient(IncidentService, transport),
      users: createClient(IdentityService, transport),
    },
    { withinMs: 200, everyMs: 10 },
  );
});

test("what a demo made is removed once, what was made last first", async () => {
  cleanup.product("mug");
  cleanup.carts("ada");
  cleanup.user("u1");
  cleanup.customer("ada");
  cleanup.incidents("o1");

  expect(await cleanup.run()).toEqual([]);
  expect(await cleanup.run()).toEqual([]);

  expect(asked).toEqual([
    "incident of-o1: The demo is over.",
    "customer ada",
    "user u1",
    "cart ada-1",
    "cart ada-2",
    "product mug true",
  ]);
});

test("a stock is lowered by what is left of what it was raised by, in one movement", async () => {
  cleanup.stock("mouse", 3);
  cleanup.stock("laptop", 1);
  cleanup.stock("mouse", -2);
  cleanup.stock("laptop", -1);

  expect(await cleanup.run()).toEqual([]);

  expect(asked).toEqual(["mouse -1 true"]);
});

test("what is gone already needs no removing", async () => {
  failure = () => new ConnectError("there is no such user", Code.NotFound);
  cleanup.user("u1");
  cleanup.product("mug");

  expect(await cleanup.run()).toEqual([]);
});

test("a removal that is refused for a while is repeated", async () => {
  let refusals = 2;
  failure = () => (refusals-- > 0 ? new ConnectError("an order holds some of it", Code.FailedPrecondition) : undefined);
  cleanup.product("mug");

  expect(await cleanup.run()).toEqual([]);

  expect(asked).toEqual(["product mug true"]);
});

test("one that stays refused is told, and the others are removed", async () => {
  failure = (call) => (call.startsWith("user") ? new ConnectError("no", Code.PermissionDenied) : undefined);
  cleanup.product("mug");
  cleanup.user("u1");

  expect(await cleanup.run()).toEqual([expect.stringMatching(/^user u1 is still there: .*permission_denied.* no$/)]);

  expect(asked).toEqual(["product mug true"]);
});

test("what an interrupted story makes while the others are removed is removed, too", async () => {
  cleanup.product("first");
  failure = (call) => {
    if (call === "product first true") {
      cleanup.product("second");
    }
    return undefined;
  };

  expect(await cleanup.run()).toEqual([]);

  expect(asked).toEqual(["product first true", "product second true"]);
});

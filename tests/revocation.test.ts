import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { errorInfo } from "@sagacart/chassis/errors";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { InboxService } from "@sagacart/proto/notifier/v1/inbox_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";
import { afterAll, beforeAll, expect, test } from "vitest";
import { serviceNames } from "../scripts/shop.ts";
import { type Caller, callerOf } from "./support/caller.ts";
import { startShop, type TestShop } from "./support/shop.ts";

// Every process verifies tokens by itself, without a call: each has to learn that a token was revoked.

let shop: TestShop;
let call: Caller;

beforeAll(async () => {
  shop = await startShop();
  call = callerOf(shop.stack);
});
afterAll(() => shop?.[Symbol.asyncDispose]());

/** Calls a method that needs a token. The rest of the request does not matter: the token is looked at first. */
const calls: Readonly<Record<string, (address: string, options: { headers: Headers }) => Promise<unknown>>> = {
  order: (address, options) => createServiceClient(OrderService, openChannel(address)).listOrders({}, options),
  stock: (address, options) => createServiceClient(StockService, openChannel(address)).adjustStock({}, options),
  payment: (address, options) => createServiceClient(AccountService, openChannel(address)).getAccount({}, options),
  shipping: (address, options) => createServiceClient(ShippingService, openChannel(address)).getShipment({}, options),
  notifier: (address, options) =>
    createServiceClient(InboxService, openChannel(address)).listInboxMessages({}, options),
  identity: (address, options) =>
    createServiceClient(IdentityService, openChannel(address)).getUser({ id: "me" }, options),
};

/** Returns the reason why a service does not accept the token, or "" if it does. */
async function refusalAt(service: string, accessToken: string): Promise<string> {
  const headers = new Headers({ authorization: `Bearer ${accessToken}` });
  const address = shop.stack.addresses[service] ?? "";
  const reason = await calls[service]?.(address, { headers }).then(
    () => "",
    (error: unknown) => errorInfo(error).reason,
  );
  return reason === "ISSUER_UNAVAILABLE" || reason?.startsWith("TOKEN_") ? reason : "";
}

async function statusAt(path: string, accessToken: string): Promise<number> {
  return (await call(`GET ${path}`, undefined, { authorization: `Bearer ${accessToken}` })).status;
}

test("after a sign-out the access token is refused everywhere, and by a service that starts later", async () => {
  expect(Object.keys(calls).sort()).toEqual([...serviceNames].sort());
  const { body } = await call("POST /v1/sessions", { username: "alice", password: "alice123" });
  const { accessToken, refreshToken } = body.session;
  const paths = ["/v1/orders", "/v1/users/me", `/api/v1/users/${body.user.id}`];
  for (const service of serviceNames) {
    expect([service, await refusalAt(service, accessToken)]).toEqual([service, ""]);
  }
  for (const path of paths) {
    expect([path, await statusAt(path, accessToken)]).toEqual([path, 200]);
  }

  expect((await call("POST /v1/sessions:signOut", { refreshToken })).status).toBe(200);

  for (const service of serviceNames) {
    await expect.poll(() => refusalAt(service, accessToken), { message: service }).toBe("TOKEN_REVOKED");
  }
  for (const path of paths) {
    await expect.poll(() => statusAt(path, accessToken), { message: path }).toBe(401);
  }

  await shop.stack.kill("order", "SIGKILL");
  await shop.stack.start("order");
  // On a busy machine it may be ready before it has the list, and accepts no person's token until then.
  const refusals: string[] = [];
  await expect
    .poll(async () => refusals[refusals.push(await refusalAt("order", accessToken)) - 1])
    .toBe("TOKEN_REVOKED");
  expect(refusals).not.toContain("");
});

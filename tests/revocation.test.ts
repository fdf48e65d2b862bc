import { afterAll, beforeAll, expect, test } from "vitest";
import { serviceNames } from "../scripts/shop.ts";
import { type Caller, callerOf } from "./support/caller.ts";
import { startShop, type TestShop } from "./support/shop.ts";
import { callsByService, refusalAt } from "./support/token-refusals.ts";

// Every process verifies tokens by itself, without a call: each has to learn that a token was revoked.

let shop: TestShop;
let call: Caller;

beforeAll(async () => {
  shop = await startShop();
  call = callerOf(shop.stack);
});
afterAll(() => shop?.[Symbol.asyncDispose]());

const refusal = (service: string, accessToken: string) =>
  refusalAt(service, shop.stack.addresses[service] ?? "", accessToken);

async function statusAt(path: string, accessToken: string): Promise<number> {
  return (await call(`GET ${path}`, undefined, { authorization: `Bearer ${accessToken}` })).status;
}

test("after a sign-out the access token is refused everywhere, and by a service that starts later", async () => {
  expect(Object.keys(callsByService).sort()).toEqual([...serviceNames].sort());
  const { body } = await call("POST /v1/sessions", { username: "alice", password: "alice123" });
  const { accessToken, refreshToken } = body.session;
  const paths = ["/v1/orders", "/v1/users/me", `/api/v1/users/${body.user.id}`];
  for (const service of serviceNames) {
    expect([service, await refusal(service, accessToken)]).toEqual([service, ""]);
  }
  for (const path of paths) {
    expect([path, await statusAt(path, accessToken)]).toEqual([path, 200]);
  }

  expect((await call("POST /v1/sessions:signOut", { refreshToken })).status).toBe(200);

  for (const service of serviceNames) {
    await expect.poll(() => refusal(service, accessToken), { message: service }).toBe("TOKEN_REVOKED");
  }
  for (const path of paths) {
    await expect.poll(() => statusAt(path, accessToken), { message: path }).toBe(401);
  }

  await shop.stack.kill("order", "SIGKILL");
  await shop.stack.start("order");
  // On a busy machine it may be ready before it has the list, and accepts no person's token until then.
  const refusals: string[] = [];
  await expect.poll(async () => refusals[refusals.push(await refusal("order", accessToken)) - 1]).toBe("TOKEN_REVOKED");
  expect(refusals).not.toContain("");
});

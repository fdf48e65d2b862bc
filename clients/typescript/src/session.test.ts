import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext, type Transport } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { withTokens } from "./session.ts";
import { createShop } from "./shop.ts";
import { type StandIn, startStandIn } from "./testing/stand-in.ts";

let standIn: StandIn;
/** The token that is accepted, and the refresh token that can be used. */
let accepted: number;
let refreshable: number;

beforeAll(async () => {
  standIn = await startStandIn(OrderService, IdentityService);
  const check = (context: HandlerContext) => {
    const token = context.requestHeader.get("authorization");
    if (token !== `Bearer access-${accepted}`) {
      throw refusal(token === null ? "TOKEN_MISSING" : "TOKEN_EXPIRED");
    }
  };
  standIn.answer("GetOrder", (_request, context) => {
    check(context);
    return {};
  });
  // A method that may not be repeated after it was carried out.
  standIn.answer("ConfirmPassword", (_request, context) => {
    check(context);
    return {};
  });
  standIn.answer("WatchOrder", async function* (_request: unknown, context: HandlerContext) {
    check(context);
    yield { order: { id: "1", state: 6 } };
  });
  standIn.answer("SignIn", () => ({ session: sessionOf(accepted) }));
  standIn.answer("RefreshToken", ({ refreshToken }) => {
    if (refreshToken !== tokenOf(refreshable)) {
      throw refusal("BAD_REFRESH_TOKEN");
    }
    refreshable++;
    accepted++;
    return { session: sessionOf(accepted) };
  });
});

afterAll(() => standIn?.[Symbol.asyncDispose]());

beforeEach(() => {
  standIn.asked.length = 0;
  accepted = 1;
  refreshable = 1;
});

function refusal(reason: string): ConnectError {
  const error = new ConnectError(reason, Code.Unauthenticated);
  error.details.push({ desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason }) });
  return error;
}

const tokenOf = (n: number) => `refresh-token-number-${n}`;
const sessionOf = (n: number) => ({ accessToken: `access-${n}`, refreshToken: tokenOf(n) });
const connect = (options = {}) => createShop(standIn.transport("node, HTTP/1.1"), options);
const count = (rpc: string) => standIn.asked.filter((call) => call.rpc === rpc).length;

test("calls carry the token of the sign-in, and none before it and after the sign-out", async () => {
  const shop = connect();
  await expect(shop.orders.getOrder({ id: "1" })).rejects.toMatchObject({ reason: "TOKEN_MISSING" });
  await shop.signIn({ username: "ada", password: "secret" });
  await shop.orders.getOrder({ id: "1" });
  await shop.signOut();
  expect(shop.session).toBeUndefined();
  await expect(shop.orders.getOrder({ id: "1" })).rejects.toMatchObject({ reason: "TOKEN_MISSING" });
});

test("many calls with an expired token wait for one exchange of the refresh token, and succeed", async () => {
  const sessions: (string | undefined)[] = [];
  const shop = connect({ onSession: (session?: { accessToken: string }) => sessions.push(session?.accessToken) });
  await shop.signIn({ username: "ada", password: "secret" });
  accepted = 7;
  await Promise.all(Array.from({ length: 10 }, () => shop.orders.getOrder({ id: "1" })));
  expect(count("RefreshToken")).toBe(1);
  expect(sessions).toEqual(["access-1", "access-8"]);
});

test("a method that may not be repeated is sent again too: it was refused before anything was done", async () => {
  const shop = connect();
  await shop.signIn({ username: "ada", password: "secret" });
  accepted = 7;
  await shop.identity.confirmPassword({ password: "secret" });
  expect(count("ConfirmPassword")).toBe(2);
});

test("a stream with an expired token is opened again", async () => {
  const shop = connect();
  await shop.signIn({ username: "ada", password: "secret" });
  accepted = 7;
  const ids: string[] = [];
  for await (const { order } of shop.watchOrder("1")) {
    ids.push(order.id);
  }
  expect(ids).toEqual(["1"]);
});

test("a stream whose reader leaves early is ended", async () => {
  let isEnded = false;
  const messages = (async function* () {
    try {
      yield 1;
      yield 2;
    } finally {
      isEnded = true;
    }
  })();
  const inner = { stream: async () => ({ message: messages }) } as unknown as Transport;
  const tokens = { current: () => undefined, renew: async () => undefined };
  const requests = (async function* () {})();
  const { watchOrder } = OrderService.method;
  const { message } = await withTokens(inner, tokens).stream(watchOrder, undefined, undefined, undefined, requests);
  for await (const _first of message) {
    break;
  }
  expect(isEnded).toBe(true);
});

test("a session that has ended is an error, and is reported once", async () => {
  const sessions: (string | undefined)[] = [];
  const shop = connect({ onSession: (session?: { accessToken: string }) => sessions.push(session?.accessToken) });
  await shop.signIn({ username: "ada", password: "secret" });
  accepted = 7;
  refreshable = 7;
  await expect(shop.orders.getOrder({ id: "1" })).rejects.toMatchObject({
    reason: "BAD_REFRESH_TOKEN",
    outcome: "not-done",
  });
  expect(shop.session).toBeUndefined();
  expect(sessions).toEqual(["access-1", undefined]);
});

test("a token that is refused even when it is new is not exchanged forever", async () => {
  const shop = connect();
  await shop.signIn({ username: "ada", password: "secret" });
  standIn.answer("GetOrder", () => {
    throw refusal("TOKEN_INVALID");
  });
  accepted = 7;
  await expect(shop.orders.getOrder({ id: "1" })).rejects.toMatchObject({ reason: "TOKEN_INVALID" });
  expect([count("GetOrder"), count("RefreshToken")]).toEqual([2, 1]);
});

test("tokens from elsewhere are used in place of a session", async () => {
  accepted = 5;
  let token = 4;
  const tokens = {
    current: () => `access-${token}`,
    async renew() {
      token++;
      return `access-${token}`;
    },
  };
  standIn.answer("GetOrder", (_request, context) => {
    if (context.requestHeader.get("authorization") !== "Bearer access-5") {
      throw refusal("TOKEN_EXPIRED");
    }
    return {};
  });
  await connect({ tokens }).orders.getOrder({ id: "1" });
  expect(token).toBe(5);
});

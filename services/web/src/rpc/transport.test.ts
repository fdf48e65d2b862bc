import { type DescMethod, type DescService, getOption } from "@bufbuild/protobuf";
import { Code, ConnectError, type UnaryRequest } from "@connectrpc/connect";
import { body_only } from "@sagacart/proto/auth/v1/access";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { InboxService } from "@sagacart/proto/notifier/v1/inbox_service";
import { MailboxService, NotifierService } from "@sagacart/proto/notifier/v1/notifier_service";
import { PreferenceService } from "@sagacart/proto/notifier/v1/preference_service";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { GuestCartService } from "@sagacart/proto/order/v1/guest_cart_service";
import { GuestOrderService } from "@sagacart/proto/order/v1/guest_order_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { ProductService } from "@sagacart/proto/stock/v1/product_service";
import { expect, test, vi } from "vitest";
import type { SessionState } from "../auth/session.ts";
import { authorize, isReadByPost } from "./transport.ts";

const services: readonly DescService[] = [
  ...[IdentityService, InboxService, MailboxService, NotifierService, PreferenceService, CartService],
  ...[GuestCartService, GuestOrderService, OrderService, PaymentService, ProductService],
];
const methods = services.flatMap((service): readonly DescMethod[] => service.methods);

test("what the contract keeps out of URLs is asked for by POST", () => {
  const guarded = methods.filter(({ input }) => input.fields.some((field) => getOption(field, body_only)));
  expect(guarded.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["ListUsers", "ListMailboxMessages", "GetGuestCart"]),
  );
  expect(guarded.filter((method) => !isReadByPost(method)).map(({ name }) => name)).toEqual([]);
});

test.each(["ListOrders", "GetOrder", "SearchProducts", "ListPayments"])("%s is a GET", (name) => {
  expect(methods.filter((method) => method.name === name).map(isReadByPost)).toEqual([false]);
});

const signedIn = (id: string): SessionState => ({ kind: "signed-in", user: { id, name: id, roles: [] } });
const refused = new ConnectError("the token has expired", Code.Unauthenticated);

/** Makes a call that is refused once, of somebody who is `after` once the token is renewed; returns the tokens it was sent with. */
async function callOf(after: SessionState) {
  const sent: (string | null)[] = [];
  let state = signedIn("a");
  const accessToken = vi.fn(async ({ not }: { not?: string } = {}) => {
    state = not === undefined ? state : after;
    return not === undefined ? "first" : "renewed";
  });
  const call = authorize({ accessToken, state: () => state })(async ({ header }) => {
    sent.push(header.get("authorization"));
    throw refused;
  });
  const error = await call({ header: new Headers(), stream: false } as UnaryRequest).catch((thrown: unknown) => thrown);
  return { sent, error };
}

test("a call whose token is refused is made once more with a newer one", async () => {
  expect(await callOf(signedIn("a"))).toEqual({ sent: ["Bearer first", "Bearer renewed"], error: refused });
});

test("a call is not made again for somebody else who has signed in meanwhile", async () => {
  const { sent, error } = await callOf(signedIn("b"));
  expect(sent).toEqual(["Bearer first"]);
  expect(error).toMatchObject({ rawMessage: "somebody else has signed in with this browser" });
});

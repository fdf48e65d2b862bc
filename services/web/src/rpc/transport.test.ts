import { type DescMethod, type DescService, getOption } from "@bufbuild/protobuf";
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
import { expect, test } from "vitest";
import { isReadByPost } from "./transport.ts";

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

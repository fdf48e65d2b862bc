import { type DescService, getOption } from "@bufbuild/protobuf";
import { body_only } from "@sagacart/proto/auth/v1/access";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { MailboxService, NotifierService } from "@sagacart/proto/notifier/v1/notifier_service";
import { CartService } from "@sagacart/proto/order/v1/cart_service";
import { GuestOrderService } from "@sagacart/proto/order/v1/guest_order_service";
import { expect, test } from "vitest";

const services: readonly DescService[] = [
  ...[IdentityService, MailboxService, NotifierService, CartService, GuestOrderService],
];
const guarded = new Set(
  services
    .flatMap(({ methods }) => methods)
    .flatMap(({ input }) => input.fields)
    .filter((field) => getOption(field, body_only))
    .map(({ localName }) => localName),
);

const sources = import.meta.glob<string>("./**/*-page.tsx", { query: "?raw", import: "default", eager: true });

/** The fields of requests that the console's pages fill in from `texts` or `privateTexts`, and their filters. */
const reads = Object.entries(sources).flatMap(([page, source]) =>
  [...source.matchAll(/\b(\w+): (texts|privateTexts)\.(\w+)/g)].map(([, field = "", from, filter]) => ({
    page,
    field,
    from,
    isPrivate: new RegExp(`name: "${filter}",[^}]*private: true`).test(source),
  })),
);

test("what the contract keeps out of URLs is not in the console's addresses either", () => {
  expect([...guarded]).toEqual(expect.arrayContaining(["username", "email", "to"]));
  expect(reads.filter(({ field }) => guarded.has(field))).toEqual([
    { page: "./outgoing/messages-page.tsx", field: "to", from: "privateTexts", isPrivate: true },
    { page: "./people/users-page.tsx", field: "username", from: "privateTexts", isPrivate: true },
    { page: "./people/users-page.tsx", field: "email", from: "privateTexts", isPrivate: true },
  ]);
  expect(reads.length).toBeGreaterThan(20);
});

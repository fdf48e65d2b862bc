import { expect, test } from "vitest";
import { matchPage } from "./match.ts";
import { pathOf } from "./to.tsx";

const pages = ["", "orders", "orders/$id", "accounts/$customer/$currency"].map((path) => ({ path }));

test.each([
  ["/console", "", {}],
  ["/console/", "", {}],
  ["/console/orders", "orders", {}],
  ["/console/orders/", "orders", {}],
  ["/console/orders/o-1", "orders/$id", { id: "o-1" }],
  ["/console/orders/a%20b%2Fc", "orders/$id", { id: "a b/c" }],
  ["/console/accounts/ada/USD", "accounts/$customer/$currency", { customer: "ada", currency: "USD" }],
])("%s is the page %j", (pathname, path, parts) => {
  expect(matchPage(pages, pathname)).toEqual({ page: { path }, parts });
});

test.each([
  "/",
  "/shop",
  "/consoles",
  "/console/nothing",
  "/console/orders/1/2",
  "/console/orders/%E0%A4%A",
  "/console/accounts/ada",
])("%s is no page", (pathname) => {
  expect(matchPage(pages, pathname)).toBeUndefined();
});

test.each(["o-1", "a b", "a/b", "$id", "..", "ü", "%"])("the link to the order %j leads to it", (id) => {
  expect(matchPage(pages, pathOf(["orders", id]))?.parts).toEqual({ id });
});

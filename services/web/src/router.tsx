import { createRootRoute, createRoute, createRouter, lazyRouteComponent } from "@tanstack/react-router";
import { consoleRoutes } from "./console/routes.ts";
import { NotFound, Shell } from "./layout/shell.tsx";

// The addresses of the pages. The gateway serves index.html at `/`, `/shop/…` and `/console/…`: all others are the API's.

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound });

const products = createRoute({
  getParentRoute: () => root,
  path: "/",
  validateSearch: ({ q }): { q?: string } => (typeof q === "string" && q !== "" ? { q } : {}),
  component: lazyRouteComponent(() => import("./shop/products-page.tsx"), "ProductsPage"),
});

const product = createRoute({
  getParentRoute: () => root,
  path: "/shop/products/$productId",
  component: lazyRouteComponent(() => import("./shop/product-page.tsx"), "ProductPage"),
});

const cart = createRoute({
  getParentRoute: () => root,
  path: "/shop/cart",
  component: lazyRouteComponent(() => import("./shop/cart-page.tsx"), "CartPage"),
});

const checkout = createRoute({
  getParentRoute: () => root,
  path: "/shop/checkout",
  component: lazyRouteComponent(() => import("./shop/checkout-page.tsx"), "CheckoutPage"),
});

const orders = createRoute({
  getParentRoute: () => root,
  path: "/shop/orders",
  component: lazyRouteComponent(() => import("./shop/orders-page.tsx"), "OrdersPage"),
});

const order = createRoute({
  getParentRoute: () => root,
  path: "/shop/orders/$orderId",
  component: lazyRouteComponent(() => import("./shop/order-page.tsx"), "OrderPage"),
});

const inbox = createRoute({
  getParentRoute: () => root,
  path: "/shop/inbox",
  component: lazyRouteComponent(() => import("./shop/inbox-page.tsx"), "InboxPage"),
});

const addresses = createRoute({
  getParentRoute: () => root,
  path: "/shop/addresses",
  component: lazyRouteComponent(() => import("./shop/addresses-page.tsx"), "AddressesPage"),
});

const preferences = createRoute({
  getParentRoute: () => root,
  path: "/shop/preferences",
  component: lazyRouteComponent(() => import("./shop/preferences-page.tsx"), "PreferencesPage"),
});

const signedIn = createRoute({
  getParentRoute: () => root,
  path: "/shop/signed-in",
  component: lazyRouteComponent(() => import("./auth/signed-in-page.tsx"), "SignedInPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    products,
    product,
    cart,
    checkout,
    orders,
    order,
    inbox,
    addresses,
    preferences,
    signedIn,
    ...consoleRoutes(root),
  ]),
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

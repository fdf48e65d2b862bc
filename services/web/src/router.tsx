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

const signedIn = createRoute({
  getParentRoute: () => root,
  path: "/shop/signed-in",
  component: lazyRouteComponent(() => import("./auth/signed-in-page.tsx"), "SignedInPage"),
});

export const router = createRouter({
  routeTree: root.addChildren([products, signedIn, ...consoleRoutes(root)]),
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}

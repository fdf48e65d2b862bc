import { type AnyRoute, createRoute, lazyRouteComponent } from "@tanstack/react-router";

/** The addresses of the console, below /console. Its pages are chunks of their own. */
export function consoleRoutes<Parent extends AnyRoute>(parent: Parent) {
  return [
    createRoute({
      getParentRoute: () => parent,
      path: "/console",
      component: lazyRouteComponent(() => import("./console-page.tsx"), "ConsolePage"),
    }),
  ] as const;
}

import { type AnyRoute, createRoute, lazyRouteComponent } from "@tanstack/react-router";

/**
 * The addresses of the console: /console and everything below it. It finds its pages itself, in a chunk of its own, so that the
 * shop does not load the list of them.
 */
export function consoleRoutes<Parent extends AnyRoute>(parent: Parent) {
  const component = lazyRouteComponent(() => import("./console-app.tsx"), "ConsoleApp");
  return [
    createRoute({ getParentRoute: () => parent, path: "/console", component }),
    createRoute({ getParentRoute: () => parent, path: "/console/$", component }),
  ] as const;
}

import type { FastifyInstance } from "fastify";
import { EdgeError } from "./problem.ts";

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

/**
 * Adds routes that answer 405, with the allowed methods, to paths that exist for other methods. Call it before the first
 * route is added, and the function that it returns after the last.
 */
export function refuseOtherMethods(app: FastifyInstance): () => void {
  const allowed = new Map<string, Set<string>>();
  app.addHook("onRoute", ({ url, method }) => {
    const known = allowed.get(url) ?? new Set<string>();
    for (const each of [method].flat()) {
      known.add(each);
    }
    allowed.set(url, known);
  });
  return () => {
    for (const [url, known] of [...allowed]) {
      const others = methods.filter((method) => !app.hasRoute({ url, method }));
      if (others.length > 0 && !url.includes("*")) {
        refuse(app, url, others, [...known].join(", "));
      }
    }
  };
}

function refuse(app: FastifyInstance, url: string, others: readonly string[], allow: string): void {
  app.route({
    method: [...others],
    url,
    exposeHeadRoute: false,
    // Before the body is read.
    onRequest(request, _reply, done) {
      done(
        new EdgeError("METHOD_NOT_ALLOWED", `${request.method} is not one of the methods here: ${allow}`, {
          headers: { allow },
          metadata: { method: request.method, allow },
        }),
      );
    },
    handler() {},
  });
}

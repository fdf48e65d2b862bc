import { EdgeError } from "@sagacart/rest/problem";
import type { FastifyInstance } from "fastify";

/**
 * Refuses requests that came by plain HTTP, to this port or, as a trusted proxy says in X-Forwarded-Proto, to the proxy. They
 * are not redirected: a program that sends its token in the clear, and is led to HTTPS each time, goes on for years without
 * anybody noticing. Probes send nothing that is secret, and are answered.
 */
export function requireHttps(app: FastifyInstance): void {
  app.addHook("onRequest", (request, _reply, done) => {
    if (request.protocol === "https" || request.routeOptions.config.surface === "probes") {
      done();
      return;
    }
    done(
      new EdgeError(
        "HTTPS_REQUIRED",
        "this request came by plain HTTP, where others can read it: send it to the https:// address; if it had a token or a password, that one should be replaced",
      ),
    );
  });
}

import { isLoopback } from "@sagacart/chassis/loopback";
import { shorten } from "@sagacart/chassis/shorten";
import { EdgeError } from "@sagacart/rest/problem";
import type { FastifyInstance, FastifyRequest } from "fastify";

/**
 * Refuses requests for other hosts than this machine and those of `urls`. It prevents DNS rebinding: a page of another site
 * can have its own name resolve to 127.0.0.1 and then read our answers, because the browser takes them for that site's. The
 * browser still sends that name as the host, and pages cannot change it.
 *
 * X-Forwarded-Host is not read: a page may set it.
 */
export function refuseOtherHosts(app: FastifyInstance, urls: readonly string[]): void {
  const own = new Set(urls.map((url) => new URL(url).hostname));
  app.addHook("onRequest", (request, _reply, done) => {
    const hosts = hostsOf(request);
    const other = hosts.find((host) => !isOwn(host, own));
    if (other === undefined && hosts.length > 0) {
      done();
      return;
    }
    const asked = other === undefined ? "it names no host" : `it is for ${JSON.stringify(shorten(other, 200))}`;
    done(
      new EdgeError(
        "HOST_NOT_ALLOWED",
        `this shop is for this machine alone, and refuses the request because ${asked}: use localhost or 127.0.0.1, or set the gateway's PUBLIC_URL to where browsers reach it`,
      ),
    );
  });
}

/** Returns the hosts that a request names: HTTP/2 may have both `:authority` and `host`. */
function hostsOf({ raw: { headers } }: FastifyRequest): string[] {
  return [headers[":authority"], headers.host].filter((host) => typeof host === "string");
}

/**
 * Ports make no difference: tunnels and containers change them. Names below `localhost` are this machine: browsers resolve them
 * themselves, without DNS.
 */
function isOwn(host: string, own: ReadonlySet<string>): boolean {
  const hostname = URL.parse(`http://${host}`)?.hostname ?? "";
  return isLoopback(hostname) || belowLocalhost.test(hostname) || own.has(hostname);
}

const belowLocalhost = /^(?:[^.]+\.)+localhost$/;

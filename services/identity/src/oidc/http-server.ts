import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { SecurityLog } from "@sagacart/chassis/auth/security-log";
import { trackAllHttp1 } from "@sagacart/chassis/connections/http1-connections";
import { createHttp1Server } from "@sagacart/chassis/connections/http1-server";
import { type ConnectionLimits, serviceConnections } from "@sagacart/chassis/connections/limits";
import { type CallContext, runWithContext } from "@sagacart/chassis/context";
import { logFailure } from "@sagacart/chassis/process/failure-log";
import type { Log } from "@sagacart/chassis/process/log";
import type { Shutdown } from "@sagacart/chassis/process/shutdown";
import { requestIdOr } from "@sagacart/chassis/rpc/interceptors/context";
import { atMost } from "@sagacart/chassis/time/at-most";
import type { Tls } from "@sagacart/chassis/tls/files";
import { readTraceparent } from "@sagacart/chassis/trace/traceparent";
import { uuidv7 } from "@sagacart/chassis/uuid";
import type { Provider } from "oidc-provider";
import type { Keys } from "../keys/keys.ts";
import { emailPaths } from "./email-pages.ts";
import { clientAddress } from "./html-forms.ts";
import { passwordPaths } from "./password-pages.ts";
import { nameSignInCookies } from "./sign-in-cookies.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export type HttpServerOptions = {
  readonly host: string;
  /** 0 chooses a free port. */
  readonly port: number;
  readonly issuer: string;
  readonly keys: Keys;
  /** Answers callers from outside, whose requests the gateway passes on. */
  readonly provider: () => Provider;
  /** Answers callers from inside, which has the shop's programs as clients too. */
  readonly insideProvider: () => Provider;
  readonly signInForm: Handler;
  readonly userinfo: Handler;
  /** Serves the pages behind the links in mails. */
  readonly emailPages: Handler;
  /** Serves the pages for a forgotten password. */
  readonly passwordPages: Handler;
  /** Reads the revoked access tokens since a cursor. */
  readonly revocations: (cursor: string) => Promise<object>;
  readonly log: Log;
  /** Records connections and TLS handshakes that are refused. */
  readonly security?: SecurityLog | undefined;
  /** The limits of what one caller can hold; those of the shop's own processes where absent. */
  readonly connectionLimits?: ConnectionLimits;
  /** Serves TLS if this has a server certificate. Client certificates are not required: callers show a secret. */
  readonly tls?: Tls | undefined;
  /** Tells it that it will be disposed of, so that it asks its callers to connect elsewhere. */
  readonly shutdown?: Shutdown | undefined;
};

export type HttpServer = AsyncDisposable & { readonly port: number };

/**
 * Serves OpenID Connect over HTTP/1.1. Disposal keeps idle connections for the shutdown's grace, and lets pending requests
 * finish. Rejects if the port is taken.
 */
export async function startHttpServer(options: HttpServerOptions): Promise<HttpServer> {
  const { tls, security, connectionLimits: limits = serviceConnections } = options;
  const server = createHttp1Server(handler(options), { limits, tls, security });
  const connections = trackAllHttp1(server);
  options.shutdown?.announced.addEventListener("abort", connections.announceEnd);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: options.host, port: options.port }, resolve);
  });
  const address = server.address();
  return {
    port: address !== null && typeof address === "object" ? address.port : options.port,
    // Requests that take too long are cut off.
    [Symbol.asyncDispose]: () => connections.end({ graceMs: options.shutdown?.graceLeftMs() ?? 0, limitMs: 2_000 }),
  };
}

function handler(options: HttpServerOptions): RequestListener {
  const { host, protocol } = new URL(options.issuer);
  return (request, response) => {
    // URLs in answers are always at the issuer, whatever host and protocol the request came by.
    request.headers.host = host;
    request.headers["x-forwarded-host"] = host;
    request.headers["x-forwarded-proto"] = protocol.slice(0, -1);
    // In addition to the security headers of every answer.
    for (const [name, value] of headersOfPages) {
      response.setHeader(name, value);
    }
    nameSignInCookies(request, response, protocol === "https:");
    const answered = runWithContext(contextOf(request), () => route(options, request, response));
    answered.catch((error: unknown) => {
      logFailure(options.log, { error, path: request.url?.split("?", 1)[0] }, "an HTTP request failed");
      if (!response.headersSent) {
        response.writeHead(500, { "content-type": "application/json" });
      }
      response.end('{"error":"server_error"}');
    });
  };
}

/** Returns the context of a request: what calls of the same request elsewhere have in their lines, and the caller's address. */
function contextOf(request: IncomingMessage): CallContext {
  const { "x-request-id": requestId, traceparent } = request.headers;
  return {
    requestId: requestIdOr(typeof requestId === "string" ? requestId : null, uuidv7),
    traceparent: readTraceparent(typeof traceparent === "string" ? traceparent : null),
    clientAddress: clientAddress(request),
    securityNote: {},
  };
}

const headersOfPages = [
  // Forms show their origin, which is checked.
  ["referrer-policy", "same-origin"],
  // Redirects carry codes. Answers that may be stored say so themselves.
  ["cache-control", "no-store"],
] as const;

async function route(options: HttpServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url?.split("?", 1)[0] ?? "";
  const isRead = request.method === "GET" || request.method === "HEAD";
  if (path === "/oidc/jwks" && isRead) {
    return await jwks(options.keys, response);
  }
  // Not below /oidc, which the gateway passes on: it is for the shop's own processes.
  if (path === "/revocations" && isRead) {
    const cursor = new URL(request.url ?? "", options.issuer).searchParams.get("after") ?? "";
    const body = JSON.stringify(await options.revocations(cursor));
    response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" }).end(body);
    return;
  }
  if (path === "/oidc/userinfo" && (isRead || request.method === "POST")) {
    return await options.userinfo(request, response);
  }
  if ((path === emailPaths.confirm || path === emailPaths.undo) && (isRead || request.method === "POST")) {
    return await options.emailPages(request, response);
  }
  if ((path === passwordPaths.forgot || path === passwordPaths.reset) && (isRead || request.method === "POST")) {
    return await options.passwordPages(request, response);
  }
  if (path.startsWith("/oidc/sign-in/") && (isRead || request.method === "POST")) {
    return await options.signInForm(request, response);
  }
  // oidc-provider answers everything else, unknown paths included.
  const provider = isFromOutside(request) ? options.provider() : options.insideProvider();
  await provider.callback()(request, response);
}

/** Returns true for requests that the gateway passes on: it adds the caller's address to each, and drops such a claim. */
function isFromOutside({ headers }: IncomingMessage): boolean {
  return headers["x-client-address"] !== undefined;
}

/**
 * Serves all public keys. Cached for five minutes: a new key is published much longer before it signs, except where it replaces
 * one that has leaked; the shop's own verifiers keep no answer, and ask for keys that they do not know.
 */
async function jwks(keys: Keys, response: ServerResponse): Promise<void> {
  // Whoever asks may have met a key that another replica has made just now. Without the database, those known are served.
  await atMost(1_000, keys.refresh()).catch(() => {});
  const body = JSON.stringify({ keys: keys.published().map(({ publicJwk }) => publicJwk) });
  response
    .writeHead(200, {
      "content-type": "application/jwk-set+json",
      "cache-control": "public, max-age=300",
      "access-control-allow-origin": "*",
    })
    .end(body);
}

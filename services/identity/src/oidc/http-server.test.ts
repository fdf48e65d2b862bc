import type { IncomingMessage, ServerResponse } from "node:http";
import type { ConnectionLimits } from "@sagacart/chassis/connections/limits";
import { http1ConnectionTests } from "@sagacart/chassis/testing/connection-tests";
import { silentLog } from "@sagacart/chassis/testing/log";
import { get, securityHeaderTests } from "@sagacart/chassis/testing/security-header-tests";
import { afterAll, beforeAll } from "vitest";
import type { Keys } from "../keys/keys.ts";
import { type HttpServer, startHttpServer } from "./http-server.ts";

const large = { kty: "RSA", n: "x".repeat(32 * 1024 * 1024) };

function start(connectionLimits?: ConnectionLimits): Promise<HttpServer> {
  return startHttpServer({
    host: "127.0.0.1",
    port: 0,
    issuer: "http://localhost",
    // Only the public keys are asked for.
    keys: { refresh: async () => {}, published: () => [{ publicJwk: large }] } as unknown as Keys,
    provider: unused,
    insideProvider: () => ({ callback: () => readAll }) as unknown as ReturnType<typeof unused>,
    signInForm: unused,
    userinfo: unused,
    emailPages: unused,
    passwordPages: unused,
    revocations: unused,
    log: silentLog,
    ...(connectionLimits === undefined ? {} : { connectionLimits }),
  });
}

http1ConnectionTests("/oidc/jwks", start);

let server: HttpServer;
beforeAll(async () => {
  server = await start();
});
afterAll(() => server[Symbol.asyncDispose]());

securityHeaderTests(
  () => server,
  [
    ["the keys", get("/oidc/jwks"), 200],
    ["a path that oidc-provider answers", get("/nowhere"), 404],
    ["a request that fails", get("/oidc/sign-in/x"), 500],
    ["revocations that fail", get("/revocations"), 500],
  ],
);

/** Answers once the request's body is there, as a token endpoint does. */
function readAll(request: IncomingMessage, response: ServerResponse): void {
  request.resume().on("end", () => response.writeHead(404).end());
}

function unused(): never {
  throw new Error("not used here");
}

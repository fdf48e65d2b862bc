import type { IncomingMessage, ServerResponse } from "node:http";
import { http1ConnectionTests } from "@sagacart/chassis/testing/connection-tests";
import { silentLog } from "@sagacart/chassis/testing/log";
import type { Keys } from "../keys/keys.ts";
import { startHttpServer } from "./http-server.ts";

const large = { kty: "RSA", n: "x".repeat(32 * 1024 * 1024) };

http1ConnectionTests("/oidc/jwks", (connectionLimits) =>
  startHttpServer({
    host: "127.0.0.1",
    port: 0,
    issuer: "http://localhost",
    // Only the public keys are asked for.
    keys: { published: () => [{ publicJwk: large }] } as unknown as Keys,
    provider: unused,
    insideProvider: () => ({ callback: () => readAll }) as unknown as ReturnType<typeof unused>,
    signInForm: unused,
    userinfo: unused,
    emailPages: unused,
    revocations: unused,
    log: silentLog,
    connectionLimits,
  }),
);

/** Answers once the request's body is there, as a token endpoint does. */
function readAll(request: IncomingMessage, response: ServerResponse): void {
  request.resume().on("end", () => response.writeHead(404).end());
}

function unused(): never {
  throw new Error("not used here");
}

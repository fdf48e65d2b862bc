import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { readRevocationsAt } from "../auth/revocations.ts";
import { createServiceTokens } from "../auth/service-tokens.ts";
import { createVerifier } from "../auth/verify.ts";
import { silentLog } from "../testing/log.ts";
import { tracedFetch } from "../trace/fetch.ts";
import { strictFetch } from "./fetch.ts";

// Every request that the chassis makes: a redirect may not lead it, with its secrets, to another host.

let stranger: Server;
let redirecting: Server;
/** The requests to the host that nobody configured. */
const arrived: IncomingMessage[] = [];
let status = 307;
let url: string;

beforeAll(async () => {
  stranger = createServer((request, response) => {
    arrived.push(request);
    response
      .writeHead(200, { "content-type": "application/json" })
      .end('{"keys":[],"access_token":"a","expires_in":600}');
  }).listen(0, "127.0.0.1");
  await once(stranger, "listening");
  const elsewhere = `http://localhost:${(stranger.address() as AddressInfo).port}/`;
  redirecting = createServer((_request, response) => response.writeHead(status, { location: elsewhere }).end());
  redirecting.listen(0, "127.0.0.1");
  await once(redirecting, "listening");
  url = `http://127.0.0.1:${(redirecting.address() as AddressInfo).port}/`;
});
afterEach(() => {
  arrived.length = 0;
});
afterAll(() => {
  for (const server of [stranger, redirecting]) {
    server.closeAllConnections();
    server.close();
  }
});

const clients: readonly (readonly [string, () => Promise<unknown>])[] = [
  ["strictFetch", () => strictFetch(url, { headers: { authorization: "Bearer secret" } })],
  ["strictFetch, told to follow", () => strictFetch(url, { redirect: "follow" })],
  [
    "calls to the card provider and the carrier",
    () => tracedFetch("/charges/{key}", new URL(url), { method: "PUT", body: "{}" }),
  ],
  ["reading revocations", () => readRevocationsAt(url)("", AbortSignal.timeout(5_000))],
  [
    "fetching the issuer's keys",
    () =>
      Promise.resolve(
        createVerifier({
          ...{ issuer: url, audience: "sagacart", jwksUrl: new URL(url) },
          claims: { rolesClaim: "roles", roleMap: new Map(), customerIds: "subject" },
        }).verify(`${btoa('{"alg":"ES256","kid":"a"}')}.${btoa('{"sub":"a"}')}.AAAA`.replaceAll("=", "")),
      ),
  ],
  [
    "fetching a token of its own",
    async () => {
      await using tokens = createServiceTokens({
        ...{ tokenUrl: new URL(url), clientId: "order", clientSecret: "secret", audience: "sagacart", log: silentLog },
      });
      return await tokens.authorization();
    },
  ],
];

test.each(clients)("%s: a redirect to another host is an error, and nothing gets there", async (name, call) => {
  // Without a token, it is asked for again for five seconds.
  for (const code of name === "fetching a token of its own" ? [307] : [301, 302, 303, 307, 308]) {
    status = code;
    await expect(call()).rejects.toThrow();
  }
  expect(arrived.map((request) => `${request.method} ${request.url}`)).toEqual([]);
});

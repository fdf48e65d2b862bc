import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "./testing.ts";

let standIn: StandIn;
let identity: Server;
let gateway: TestGateway;
const asked: { line: string; headers: IncomingHttpHeaders; body: string }[] = [];

beforeAll(async () => {
  standIn = await startStandIn();
  identity = createServer(async (request, response) => {
    asked.push({ line: `${request.method} ${request.url}`, headers: request.headers, body: await text(request) });
    response.writeHead(303, { location: "/oidc/next", "set-cookie": ["a=1; path=/oidc", "b=2"] }).end("see there");
  });
  identity.listen(0, "127.0.0.1");
  await once(identity, "listening");
  const { port } = identity.address() as AddressInfo;
  gateway = await startTestGateway(standIn.address, { identityUrl: `http://127.0.0.1:${port}` });
});

afterAll(async () => {
  await gateway[Symbol.asyncDispose]();
  await standIn[Symbol.asyncDispose]();
  identity.close();
});

test.each(["/oidc/token?a=%20b", "/.well-known/openid-configuration"])("%s goes to identity as it is", async (path) => {
  const answer = await fetch(`${gateway.url}${path}`, { redirect: "manual" });

  expect(asked.at(-1)?.line).toBe(`GET ${path}`);
  expect([answer.status, answer.headers.get("location"), await answer.text()]).toEqual([
    303,
    "/oidc/next",
    "see there",
  ]);
  expect(answer.headers.getSetCookie()).toEqual(["a=1; path=/oidc", "b=2"]);
});

test("forms and credentials go along; who calls is what the gateway sees", async () => {
  await fetch(`${gateway.url}/oidc/token`, {
    method: "POST",
    headers: { authorization: "Basic eDp5", "x-client-address": "6.6.6.6", "x-forwarded-for": "6.6.6.6" },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
    redirect: "manual",
  });

  expect(asked.at(-1)).toMatchObject({
    line: "POST /oidc/token",
    body: "grant_type=client_credentials",
    headers: { authorization: "Basic eDp5", "x-client-address": "127.0.0.1" },
  });
  expect(JSON.stringify(asked.at(-1)?.headers)).not.toContain("6.6.6.6");
});

test("while identity is away, it says so", async () => {
  await using alone = await startTestGateway(standIn.address);

  const answer = await alone.send("GET /oidc/jwks");

  expect(answer.status).toBe(503);
  expect(answer.headers.get("content-type")).toContain("application/problem+json");
});

import { afterAll, beforeAll, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";
import { startUpstream, type Upstream } from "../testing/upstream.ts";

const cleanup = new AsyncDisposableStack();
let standIn: StandIn;
let identity: Upstream;
let gateway: TestGateway;

beforeAll(async () => {
  standIn = cleanup.use(await startStandIn());
  identity = cleanup.use(await startUpstream());
  identity.answer((_request, response) => {
    response.writeHead(303, { location: "/oidc/next", "set-cookie": ["a=1; path=/oidc", "b=2"] }).end("see there");
  });
  gateway = cleanup.use(await startTestGateway(standIn.address, { identityUrl: identity.url }));
});

afterAll(() => cleanup.disposeAsync());

test.each(["/oidc/token?a=%20b", "/.well-known/openid-configuration"])(
  "%s is passed on to identity unchanged",
  async (path) => {
    const answer = await fetch(`${gateway.url}${path}`, { redirect: "manual" });

    expect(identity.received.at(-1)?.line).toBe(`GET ${path}`);
    expect([answer.status, answer.headers.get("location"), await answer.text()]).toEqual([
      303,
      "/oidc/next",
      "see there",
    ]);
    expect(answer.headers.getSetCookie()).toEqual(["a=1; path=/oidc", "b=2"]);
  },
);

test("forms and credentials are passed on; the caller's address is the one that the gateway sees", async () => {
  await fetch(`${gateway.url}/oidc/token`, {
    method: "POST",
    headers: { authorization: "Basic eDp5", "x-client-address": "6.6.6.6", "x-forwarded-for": "6.6.6.6" },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
    redirect: "manual",
  });

  expect(identity.received.at(-1)).toMatchObject({
    line: "POST /oidc/token",
    body: "grant_type=client_credentials",
    headers: { authorization: "Basic eDp5", "x-client-address": "127.0.0.1" },
  });
  expect(JSON.stringify(identity.received.at(-1)?.headers)).not.toContain("6.6.6.6");
});

test("while identity is away, the answer is a 503 problem", async () => {
  await using alone = await startTestGateway(standIn.address);

  const answer = await alone.send("GET /oidc/jwks");

  expect(answer.status).toBe(503);
  expect(answer.headers.get("content-type")).toContain("application/problem+json");
});

import { startIssuer, type TestIssuer } from "@sagacart/chassis/testing/issuer";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { startTestGateway, type TestGateway } from "../testing/gateway.ts";
import { startUpstream, type Upstream } from "../testing/upstream.ts";

const cleanup = new AsyncDisposableStack();
let issuer: TestIssuer;
let server: Upstream;
let gateway: TestGateway;
let asked: string[];
beforeAll(async () => {
  issuer = cleanup.use(await startIssuer());
  server = cleanup.use(await startUpstream());
  gateway = cleanup.use(
    // No services are behind this gateway: nothing here needs them.
    await startTestGateway("127.0.0.1:1", { verifier: issuer.verifier(), tracesUrl: server.url }),
  );
});
afterAll(() => cleanup.disposeAsync());
beforeEach(() => {
  asked = [];
  server.answer(({ url }, response) => {
    asked.push(url ?? "");
    response.writeHead(200, { "content-type": "application/json" }).end('{"spans":[],"leftOut":0}');
  });
});

const [one, two] = ["1".repeat(32), "2".repeat(32)];
const operator = async () => ({ headers: { authorization: await issuer.bearer("olga", ["operator"]) } });

test("an operator gets the spans of traces, which nobody may store", async () => {
  const { status, body, headers } = await gateway.send(`GET /observe/traces?id=${one}&id=${two}`, await operator());

  expect([status, body]).toEqual([200, { spans: [], leftOut: 0 }]);
  expect(headers.get("cache-control")).toBe("no-store");
  expect(asked).toEqual([`/traces?id=${one}&id=${two}`]);
});

test.each(["customer", "support"] as const)("the role %s does not", async (role) => {
  const authorization = await issuer.bearer("ada", [role]);
  const { status, body } = await gateway.send(`GET /observe/traces?id=${one}`, { headers: { authorization } });
  expect([status, body.reason, asked]).toEqual([403, "ROLE_REQUIRED", []]);
});

test("a program of the shop does not", async () => {
  const authorization = await issuer.bearer("service:worker", ["service", "operator"]);
  const { status, body } = await gateway.send(`GET /observe/traces?id=${one}`, { headers: { authorization } });
  expect([status, body.reason, asked]).toEqual([403, "PEOPLE_ONLY", []]);
});

test("nobody does without a token", async () => {
  const { status, body } = await gateway.send(`GET /observe/traces?id=${one}`);
  expect([status, body.reason, asked]).toEqual([401, "TOKEN_MISSING", []]);
});

test.each([
  "",
  "?id=",
  `?id=${one.slice(1)}`,
  `?id=${one}&id=..%2f..%2fx`,
  `?id=${one.slice(1)}A`,
  `?id[]=${one}`,
  `?${`id=${one}&`.repeat(51)}`,
])("ids that are none are refused: %s", async (query) => {
  const { status, body } = await gateway.send(`GET /observe/traces${query}`, await operator());
  expect([status, body.reason, body.violations[0].field, asked]).toEqual([400, "INVALID_REQUEST", "id", []]);
});

test.each<[string, Parameters<Upstream["answer"]>[0]]>([
  ["answers with an error", (_, response) => response.writeHead(500).end()],
  ["leads elsewhere", (_, response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end()],
  ["cuts the connection", (_, response) => response.destroy()],
])("a trace server that %s is a failure of its own", async (_, answer) => {
  server.answer(answer);
  const { status, body, headers } = await gateway.send(`GET /observe/traces?id=${one}`, await operator());
  expect([status, body.reason, headers.get("retry-after")]).toEqual([503, "TRACES_UNAVAILABLE", "1"]);
});

test("without a trace server there is no such path", async () => {
  await using alone = await startTestGateway("127.0.0.1:1", { verifier: issuer.verifier() });
  const { status, body } = await alone.send(`GET /observe/traces?id=${one}`, await operator());
  expect([status, body.reason]).toEqual([404, "ROUTE_NOT_FOUND"]);
});

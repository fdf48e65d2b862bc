import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { brotliCompressSync } from "node:zlib";
import { expectSecurityHeaders } from "@sagacart/chassis/testing/security-header-tests";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestGateway, type TestGateway } from "../testing/gateway.ts";
import { startUpstream, type Upstream } from "../testing/upstream.ts";

const cleanup = new AsyncDisposableStack();
const settings = {
  issuer: "https://id.example",
  clientId: "sagacart-web",
  simulatedProviders: true,
  pictureOrigins: ["https://images.example", "https://cdn.example:8443"],
  temporalUrl: undefined,
  launcher: false,
  securityLogUrl: undefined,
  auditCronJob: undefined,
  traceUrl: undefined,
  keepsTraces: undefined,
  traceRatio: undefined,
};
let directory: string;
let surfaces: Upstream;
let gateway: TestGateway;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "pages-"));
  cleanup.defer(() => rm(directory, { recursive: true }));
  await mkdir(join(directory, "assets"));
  const script = "console.log(1);".repeat(100);
  await writeFile(join(directory, "index.html"), "<!doctype html><title>the page</title>");
  await writeFile(join(directory, "secret.txt"), "not served");
  await writeFile(join(directory, "assets", "index-Ab3_x-9z.js"), script);
  await writeFile(join(directory, "assets", "index-Ab3_x-9z.js.br"), brotliCompressSync(script));
  await writeFile(join(directory, "assets", "favicon.svg"), "<svg/>");
  surfaces = cleanup.use(await startUpstream());
  // No services are behind this gateway: nothing here needs them.
  gateway = cleanup.use(
    await startTestGateway("127.0.0.1:1", { surfacesUrl: surfaces.url, web: { directory, settings } }),
  );
});
afterAll(() => cleanup.disposeAsync());

const get = (path: string, init: RequestInit = {}) => fetch(`${gateway.url}${path}`, { redirect: "manual", ...init });

test.each([
  "/",
  "/?q=lamp",
  "/shop",
  "/shop/",
  "/shop/orders/o-1",
  "/shop/signed-in?code=a",
  "/shop/a%2Fb",
  "/console",
  "/console/orders?state=PAID",
])("%s is the page", async (path) => {
  const answer = await get(path);

  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
  expect(await answer.text()).toContain("the page");
  expect(answer.headers.get("cache-control")).toBe("no-cache");
  expectSecurityHeaders(new Map(answer.headers));
});

test("the policy of the page allows nothing inline, no evaluated code, and only the issuer besides its own origin", async () => {
  const policy = (await get("/")).headers.get("content-security-policy") ?? "";

  expect(policy).not.toMatch(/unsafe|\*|data:|blob:|http:/);
  expect(policy.split("; ")).toEqual(
    expect.arrayContaining([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self' https://id.example",
      // Pictures of products alone may come from elsewhere, from where the shop says.
      "img-src 'self' https://images.example https://cdn.example:8443",
    ]),
  );
});

test("HEAD has the headers and no body", async () => {
  const answer = await get("/shop/cart", { method: "HEAD" });
  expect([answer.status, answer.headers.get("content-type"), await answer.text()]).toEqual([
    200,
    "text/html; charset=utf-8",
    "",
  ]);
});

test("a file with a hash in its name is cached for good, compressed if the browser takes that", async () => {
  const compressed = await get("/assets/index-Ab3_x-9z.js", { headers: { "accept-encoding": "br" } });
  const plain = await get("/assets/index-Ab3_x-9z.js", { headers: { "accept-encoding": "identity" } });

  for (const answer of [compressed, plain]) {
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(answer.headers.get("vary")?.toLowerCase()).toContain("accept-encoding");
    expect(answer.headers.get("content-type")).toMatch(/^(?:text|application)\/javascript/);
    expect(await answer.text()).toMatch(/^console\.log/);
    expectSecurityHeaders(new Map(answer.headers));
  }
  expect([compressed.headers.get("content-encoding"), plain.headers.get("content-encoding")]).toEqual(["br", null]);
});

test("a file without a hash is asked for again", async () => {
  const answer = await get("/assets/favicon.svg");
  expect([answer.status, answer.headers.get("cache-control"), answer.headers.get("content-type")]).toEqual([
    200,
    "no-cache",
    "image/svg+xml",
  ]);
  const again = await get("/assets/favicon.svg", {
    // Without a header of its own, fetch says no-cache, which asks for the whole file.
    headers: { "if-none-match": answer.headers.get("etag") ?? "", "cache-control": "max-age=0" },
  });
  expect(again.status).toBe(304);
});

test.each([
  "/assets/gone-Ab3_x-9z.js",
  "/assets/",
  "/assets/../secret.txt",
  "/assets/%2e%2e/secret.txt",
  "/assets/..%2fsecret.txt",
  "/assets/%2e%2e%2fsecret.txt",
  "/secret.txt",
  "/index.html",
  "/shopping",
  "/consoles",
  "/v1/nowhere",
])("%s is a problem and not the page", async (path) => {
  const answer = await get(path);

  expect([403, 404]).toContain(answer.status);
  const text = await answer.text();
  expect(text).not.toContain("the page");
  expect(text).not.toContain("not served");
  expect(answer.headers.get("content-type")).toMatch(/^application\/problem\+json/);
  expect(answer.headers.get("cache-control")).toBe("no-store");
});

test.each(["POST", "PUT", "PATCH", "DELETE"])("%s / is 405", async (method) => {
  const answer = await get("/", { method });
  expect(answer.status).toBe(405);
  expect(await answer.json()).toMatchObject({ reason: "METHOD_NOT_ALLOWED" });
});

test("the settings of this installation are told", async () => {
  const answer = await get("/shop/config.json");
  expect(await answer.json()).toEqual({
    issuer: "https://id.example",
    clientId: "sagacart-web",
    simulatedProviders: true,
    pictureOrigins: ["https://images.example", "https://cdn.example:8443"],
    launcher: false,
  });
  expect(answer.headers.get("cache-control")).toBe("no-cache");
});

test.each(["GET /api/products", "POST /orders/checkout/1", "GET /stock/find/1", "GET /openapi/shop.json"])(
  "%s still is the surfaces'",
  async (request) => {
    surfaces.answer((_request, response) => {
      response.writeHead(200, { "content-type": "application/json" }).end("{}");
    });
    const [method = "", path = ""] = request.split(" ");
    expect((await get(path, { method })).headers.get("content-type")).toBe("application/json");
  },
);

test("a folder without pages is an error at the start, which names it", async () => {
  const empty = await mkdtemp(join(tmpdir(), "no-pages-"));
  cleanup.defer(() => rm(empty, { recursive: true }));
  await expect(startTestGateway("127.0.0.1:1", { web: { directory: empty, settings } })).rejects.toThrow(
    `WEB_DIRECTORY is ${empty}, where there is no index.html`,
  );
});

test("without a folder there are no pages", async () => {
  await using alone = await startTestGateway("127.0.0.1:1");
  for (const path of ["/", "/shop", "/shop/config.json", "/console", "/assets/favicon.svg"]) {
    expect((await alone.send(`GET ${path}`)).body).toMatchObject({ status: 404, reason: "ROUTE_NOT_FOUND" });
  }
});

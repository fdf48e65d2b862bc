import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import { createAuthority } from "@sagacart/chassis/testing/certificates";
import { afterAll, expect, test } from "vitest";
import { checkPublicUrl } from "./public-url-check.ts";

const cleanup = new AsyncDisposableStack();
afterAll(() => cleanup.disposeAsync());
const [trusted, other] = [await createAuthority(), await createAuthority()];

async function listen(server: Server & { closeAllConnections?(): void }): Promise<number> {
  server.listen(0, "localhost");
  await once(server, "listening");
  cleanup.defer(() => {
    server.closeAllConnections?.();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

async function serve(authority: typeof trusted, name = "localhost"): Promise<number> {
  const { cert, key } = await authority.issue(name);
  return await listen(createHttpsServer({ cert, key }, (_request, response) => response.end("hello")));
}

const plain = (status: number, headers: Record<string, string> = {}) =>
  listen(createHttpServer((_request, response) => response.writeHead(status, headers).end()));

/** A port on which nothing listens. */
async function closedPort(): Promise<number> {
  const server = createTcpServer().listen(0, "localhost");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

const check = (port: number, plainPort: number, leastDays = 14) =>
  checkPublicUrl(`https://localhost:${port}`, { leastDays, plainPort, ca: trusted.cert, timeoutMs: 5_000 });

test("a trusted certificate for the host, and no plain HTTP, are right", async () => {
  expect(await check(await serve(trusted), await closedPort())).toEqual([]);
});

test.each([403, 404, 426])("plain HTTP that is refused with %i is right", async (status) => {
  expect(await check(await serve(trusted), await plain(status))).toEqual([]);
});

test("a certificate of an unknown CA is named", async () => {
  expect(await check(await serve(other), await closedPort())).toEqual([
    expect.stringContaining("the certificate of localhost is not trusted"),
  ]);
});

test("a certificate for another host is named", async () => {
  expect(await check(await serve(trusted, "shop.example"), await closedPort())).toEqual(
    expect.arrayContaining([expect.stringContaining("the certificate is not for localhost")]),
  );
});

test("a certificate that ends soon is named", async () => {
  // That of the test is valid for a year.
  expect(await check(await serve(trusted), await closedPort(), 400)).toEqual([
    expect.stringMatching(/^the certificate of localhost ends .* in less than 400 days$/),
  ]);
});

test("a port that speaks no TLS is named", async () => {
  expect(await check(await plain(200), await closedPort())).toEqual([expect.stringContaining("speaks no TLS")]);
});

test.each([301, 302, 307, 308])("plain HTTP that is redirected with %i is named", async (status) => {
  expect(await check(await serve(trusted), await plain(status, { location: "https://localhost/v1/products" }))).toEqual(
    [expect.stringContaining("is redirected to https://localhost/v1/products")],
  );
});

test("plain HTTP that is served is named", async () => {
  expect(await check(await serve(trusted), await plain(200))).toEqual([
    expect.stringContaining("is served in plain text"),
  ]);
});

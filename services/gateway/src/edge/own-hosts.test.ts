import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { json } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type StandIn, startStandIn, startTestGateway, type TestGateway } from "../testing/gateway.ts";
import { postOverHttp2 } from "../testing/post-over-http2.ts";

const cleanup = new AsyncDisposableStack();
let standIn: StandIn;
let laptop: TestGateway;
let cluster: TestGateway;

beforeAll(async () => {
  standIn = cleanup.use(await startStandIn());
  const ownUrls = ["http://localhost:8080", "https://shop-8080.preview.example/"];
  laptop = cleanup.use(await startTestGateway(standIn.address, { ownUrls, trustedProxies: ["127.0.0.0/8"] }));
  cluster = cleanup.use(await startTestGateway(standIn.address));
});
afterAll(() => cleanup.disposeAsync());

const kill = "/v1/launcher/processes/order:kill";
const killByConnect = "/sagacart.launcher.v1.LauncherService/KillProcess";
const headers = { authorization: "Bearer of-an-operator", "content-type": "application/json" };

const protocols = [
  ["HTTP/1.1", postOverHttp1],
  ["HTTP/2", ({ url }: TestGateway, path: string, host: string) => post2(`${url}${path}`, { ":authority": host })],
] as const;

for (const [protocol, post] of protocols) {
  test.each([
    "localhost",
    "LOCALHOST:8080",
    "shop.localhost:8080",
    "127.0.0.1:8080",
    "127.8.9.10",
    "[::1]:8080",
    "shop-8080.preview.example",
    "shop-8080.preview.example:443",
  ])(`by ${protocol}, %s is served`, async (host) => {
    for (const path of [kill, killByConnect]) {
      expect(await post(laptop, path, host)).toMatchObject({ status: 200 });
    }
    expect(standIn.asked.slice(-2).map(({ rpc }) => rpc)).toEqual(["KillProcess", "KillProcess"]);
  });

  test.each([
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil-localhost",
    "0.0.0.0:8080",
    "10.0.0.1:8080",
    "[fe80::1]",
    "preview.example",
  ])(`by ${protocol}, %s is refused before anything is done`, async (host) => {
    const before = standIn.asked.length;

    const answer = await post(laptop, kill, host);

    expect(answer).toMatchObject({ status: 403, body: { reason: "HOST_NOT_ALLOWED" } });
    expect(JSON.stringify(answer.body)).toContain("PUBLIC_URL");
    expect(await post(laptop, killByConnect, host)).toMatchObject({
      status: 403,
      body: { code: "permission_denied", details: [{ debug: { reason: "HOST_NOT_ALLOWED" } }] },
    });
    expect(standIn.asked.length).toBe(before);
  });

  test(`by ${protocol}, a gateway without own hosts serves any`, async () => {
    expect(await post(cluster, kill, "anything.example")).toMatchObject({ status: 200 });
  });
}

test("a good :authority does not cover another host, and the reverse", async () => {
  const url = `${laptop.url}${kill}`;
  expect(await post2(url, { ":authority": "localhost", host: "evil.example" })).toMatchObject({ status: 403 });
  expect(await post2(url, { ":authority": "evil.example", host: "localhost" })).toMatchObject({ status: 403 });
});

// Over HTTP/2, Node closes such a stream itself.
test.each(["localhost@evil.example", "evil.example/@localhost", "a b", "localhost,evil.example", ":8080"])(
  "the text %j is no host",
  async (host) => {
    const { status } = await postOverHttp1(laptop, kill, host);
    expect([400, 403]).toContain(status);
  },
);

test("X-Forwarded-Host does not count, which pages may set", async () => {
  const forwarded = { "x-forwarded-host": "localhost" };
  expect(await postOverHttp1(laptop, kill, "evil.example", forwarded)).toMatchObject({ status: 403 });
});

/** REST has the name in the path. */
function bodyOf(path: string): string {
  return path === killByConnect ? '{"name":"order"}' : "{}";
}

function post2(url: string, more: Record<string, string>) {
  return postOverHttp2(url, { ...headers, ...more }, bodyOf(new URL(url).pathname));
}

/** Posts with any Host, which fetch does not let its callers set. */
async function postOverHttp1(
  { port }: TestGateway,
  path: string,
  host: string,
  more: Record<string, string> = {},
): Promise<{ status: number; body: unknown }> {
  const sent = request({ host: "127.0.0.1", port, path, method: "POST", headers: { ...headers, ...more, host } });
  const answered = once(sent, "response") as Promise<[IncomingMessage]>;
  sent.end(bodyOf(path));
  const [answer] = await answered;
  return { status: answer.statusCode ?? 0, body: await json(answer) };
}

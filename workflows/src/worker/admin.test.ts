import { once } from "node:events";
import { createServer } from "node:net";
import { expect, test } from "vitest";
import { startAdmin } from "./admin.ts";

const host = "127.0.0.1";

/** A server that holds a free port, which it gives. */
async function holdPort() {
  const server = createServer().listen(0, host);
  await once(server, "listening");
  const address = server.address();
  return { server, port: typeof address === "object" && address !== null ? address.port : 0 };
}

test("it says whether the worker is alive and ready, and gives the metrics", async () => {
  const { server, port } = await holdPort();
  await new Promise((closed) => server.close(closed));
  let isReady = false;
  await using _admin = await startAdmin({ host, port, metrics: async () => "up 1\n", isReady: () => isReady });
  const get = async (path: string) => {
    const response = await fetch(`http://${host}:${port}${path}`);
    return [response.status, await response.text()];
  };
  expect(await get("/health")).toEqual([200, "alive\n"]);
  expect(await get("/ready")).toEqual([503, "not ready\n"]);
  isReady = true;
  expect(await get("/ready")).toEqual([200, "ready\n"]);
  expect(await get("/metrics")).toEqual([200, "up 1\n"]);
  expect(await get("/other")).toEqual([404, "not found; try /health, /ready or /metrics\n"]);
});

test("a port that is taken is named in the error", async () => {
  const { server, port } = await holdPort();
  await expect(startAdmin({ host, port, metrics: async () => "", isReady: () => true })).rejects.toThrow(
    `cannot listen on ${host}:${port}: listen EADDRINUSE`,
  );
  server.close();
});

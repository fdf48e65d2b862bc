import { expect, test } from "vitest";
import { startDns } from "../testing/dns-server.ts";
import { EchoService } from "../testing/echo-service.ts";
import { startEcho, type TestServer } from "../testing/test-server.ts";

// grpc-js asks the name server of a `dns://server/name` target only when this is set before it is loaded.
process.env.GRPC_NODE_USE_ALTERNATIVE_RESOLVER = "true";
const { createServiceClient, openChannel } = await import("./client.ts");

// A name has one port, so the pods here have one port at several addresses of the loopback, which macOS does not have.
const linux = process.platform === "linux";

test.runIf(linux)(
  "a client calls all the addresses of a name, leaves one that goes, and finds one that comes",
  async () => {
    const first = await startPod("127.0.0.1", 0);
    const { port } = first.server;
    const second = await startPod("127.0.0.2", port);
    await using dns = await startDns("echo.test", ["127.0.0.1", "127.0.0.2"]);
    using channel = openChannel(`dns://127.0.0.1:${dns.port}/echo.test:${port}`, { lookUpIntervalMs: 10 });
    const client = createServiceClient(EchoService, channel);
    const failures: unknown[] = [];
    /** The servers that answer three calls. Change is never retried, so a lost call is noticed. */
    const pods = async () => {
      const calls = [1, 2, 3].map(() => client.change({ text: "who" }));
      const answers = await Promise.allSettled(calls);
      failures.push(...answers.filter(({ status }) => status === "rejected"));
      return [...new Set(answers.map((answer) => answer.status === "fulfilled" && answer.value.text))].sort();
    };
    const polling = { interval: 1 };

    await expect.poll(pods, polling).toEqual(["127.0.0.1", "127.0.0.2"]);

    dns.addresses = ["127.0.0.1"];
    await second[Symbol.asyncDispose]();
    await expect.poll(pods, polling).toEqual(["127.0.0.1"]);

    // Nothing ends here for the client to notice, but the age of its connection.
    const third = await startPod("127.0.0.3", port);
    dns.addresses = ["127.0.0.1", "127.0.0.3"];
    await expect.poll(pods, polling).toEqual(["127.0.0.1", "127.0.0.3"]);

    await first[Symbol.asyncDispose]();
    await expect.poll(pods, polling).toEqual(["127.0.0.3"]);
    await third[Symbol.asyncDispose]();
    expect(failures).toEqual([]);
  },
);

test.runIf(linux)("pods that are added get calls although no connection ends", async () => {
  await using first = await startPod("127.0.0.1", 0, 0);
  const { port } = first.server;
  await using dns = await startDns("echo.test", ["127.0.0.1"]);
  using channel = openChannel(`dns://127.0.0.1:${dns.port}/echo.test:${port}`, { lookUpIntervalMs: 10 });
  const client = createServiceClient(EchoService, channel);
  const who = () => client.change({ text: "who" }).then(({ text }) => text);
  await who();

  await using _second = await startPod("127.0.0.2", port, 0);
  await using _third = await startPod("127.0.0.3", port, 0);
  dns.addresses = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];

  await expect
    .poll(async () => [await who(), await who(), await who()].sort(), { interval: 1 })
    .toEqual(["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
});

test.runIf(linux)("a name that cannot be looked up for a while keeps its addresses", async () => {
  await using pod = await startPod("127.0.0.1", 0, 0);
  await using dns = await startDns("echo.test", ["127.0.0.1"]);
  const target = `dns://127.0.0.1:${dns.port}/echo.test:${pod.server.port}`;
  using channel = openChannel(target, { lookUpIntervalMs: 10 });
  const client = createServiceClient(EchoService, channel);
  await client.change({ text: "who" });

  dns.addresses = [];
  const before = dns.questions;
  await expect.poll(() => dns.questions).toBeGreaterThan(before + 3);

  expect(await client.change({ text: "who" })).toMatchObject({ text: "127.0.0.1" });
});

function startPod(host: string, port: number, maxConnectionAgeMs = 200): Promise<TestServer> {
  return startEcho({ change: () => ({ text: host }) }, { host, port, maxConnectionAgeMs });
}

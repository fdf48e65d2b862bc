import { expect, test } from "vitest";
import { EchoService } from "../testing/echo-service.ts";
import { startEcho, type TestServer } from "../testing/test-server.ts";
import { createServiceClient, openChannel } from "./client.ts";

test.each([
  ["of addresses", (ports: number[]) => ports.map((port) => `127.0.0.1:${port}`).join(",")],
  ["of names", (ports: number[]) => ports.map((port) => `localhost:${port}`).join(", ")],
  ["as gRPC writes it", (ports: number[]) => `ipv4:${ports.map((port) => `127.0.0.1:${port}`).join(",")}`],
])("a client balances over a list %s", async (_, targetOf) => {
  await using one = await startPod("one");
  await using two = await startPod("two");
  using channel = openChannel(targetOf([one.server.port, two.server.port]));
  const client = createServiceClient(EchoService, channel);

  const seen = new Set<string>();
  while (seen.size < 2) {
    seen.add((await client.repeat({ text: "who" })).text);
  }

  expect([...seen].sort()).toEqual(["one", "two"]);
});

test("an unreachable address of a list is skipped", async () => {
  await using one = await startPod("one");
  using channel = openChannel(`127.0.0.1:1,127.0.0.1:${one.server.port}`);
  const client = createServiceClient(EchoService, channel);

  for (let count = 0; count < 10; count++) {
    expect(await client.repeat({ text: "who" })).toMatchObject({ text: "one" });
  }
});

test("several services of one channel share its connections", async () => {
  await using pod = await startPod("one");
  using channel = openChannel(`127.0.0.1:${pod.server.port}`);

  const [one, two] = [channel.join(EchoService), channel.join(EchoService)];

  expect(one()).toBe(two());
});

test.each(["localhost", "http://localhost:80", "a b:80", "", "one:1,two"])("%j is not a target", (target) => {
  using channel = openChannel(target);

  expect(() => channel.join(EchoService)()).toThrow("is not a target: it must be like host:port");
});

function startPod(name: string): Promise<TestServer> {
  return startEcho({ repeat: () => ({ text: name }) });
}

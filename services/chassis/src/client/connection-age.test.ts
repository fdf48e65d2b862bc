import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { setTimeout } from "node:timers/promises";
import { Code } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { errorInfo } from "../errors.ts";
import { EchoService } from "../testing/echo-service.ts";
import { createProxy } from "../testing/proxy.ts";
import { startEcho } from "../testing/test-server.ts";
import { createServiceClient, openChannel } from "./client.ts";

test("calls, long polls and streams live through 100 connection ages", async () => {
  // Longer than a busy machine pauses: grpc-js sends a refused call once more, and not twice.
  const maxConnectionAgeMs = 100;
  await using server = await startEcho(
    {
      async change(note) {
        await setTimeout(Math.random() * 20);
        return note;
      },
      async repeat(note) {
        await setTimeout(5 * maxConnectionAgeMs);
        return note;
      },
      async *watch(_, { signal }) {
        for (let number = 0n; !signal.aborted; number++) {
          yield { number };
          await setTimeout(10);
        }
      },
      async *chat(notes) {
        yield* notes;
      },
    },
    { maxConnectionAgeMs },
  );
  using channel = openChannel(server.address, { keepaliveIntervalMs: 20 });
  const client = createServiceClient(EchoService, channel);
  using connections = countConnections();
  const isOver = () => connections.count > 100;

  // A busy machine may pause for longer than the default of ten seconds.
  const patient = { timeoutMs: 120_000 };

  // Change may not be tried again, so a call that is lost shows.
  async function change(): Promise<void> {
    while (!isOver()) {
      await client.change({ text: "a" }, patient);
    }
  }
  async function poll(): Promise<void> {
    while (!isOver()) {
      await client.repeat({ text: "a" }, patient);
    }
  }
  async function watch(): Promise<void> {
    let expected = 0n;
    for await (const { number } of client.watch({ text: "a" })) {
      expect(number).toBe(expected++);
      if (isOver()) {
        return;
      }
    }
    expect.unreachable("the stream ended");
  }
  async function chat(): Promise<void> {
    const notes = async function* () {
      while (!isOver()) {
        await setTimeout(10);
        yield { text: "a" };
      }
    };
    for await (const { text } of client.chat(notes())) {
      expect(text).toBe("a");
    }
    expect(isOver()).toBe(true);
  }
  await Promise.all([change(), change(), poll(), poll(), watch(), watch(), chat()]);

  expect(server.lines.filter(({ level }) => level === "warn" || level === "error")).toEqual([]);
}, 120_000);

test("a connection that dies while its calls end is detected", async () => {
  await using server = await startEcho(
    {
      async *watch() {
        yield { text: "new" };
        await setTimeout(1_000);
        yield { text: "draining" };
        await new Promise(() => {});
      },
    },
    { maxConnectionAgeMs: 500 },
  );
  await using proxy = await createProxy({ host: "127.0.0.1", port: server.server.port });
  using channel = openChannel(`127.0.0.1:${proxy.port}`, { keepaliveIntervalMs: 20 });
  const stream = createServiceClient(EchoService, channel).watch({ text: "a" })[Symbol.asyncIterator]();
  await stream.next();
  expect((await stream.next()).value).toMatchObject({ text: "draining" });

  proxy.freeze();

  // Within the 5 s that the answer to a ping may take.
  expect(errorInfo(await stream.next().catch((error) => error)).code).toBe(Code.Unavailable);
});

/** Counts the connections that this process opens. */
function countConnections(): Disposable & { readonly count: number } {
  let count = 0;
  const countOne = () => {
    count++;
  };
  subscribe("net.client.socket", countOne);
  return {
    get count() {
      return count;
    },
    [Symbol.dispose]: () => void unsubscribe("net.client.socket", countOne),
  };
}

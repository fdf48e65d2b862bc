import { setTimeout } from "node:timers/promises";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { createProxy } from "@sagacart/chassis/testing/proxy";
import { randomOf } from "@sagacart/chassis/testing/random";
import { startTestFeed, type TestFeed } from "@sagacart/outbox/testing/test-feed";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { expect, test } from "vitest";
import { startTestGateway } from "../testing/gateway.ts";

/** Reads from the cursor on, until the connection breaks or the signal comes. Tells each event, and the cursor after. */
type Read = (cursor: bigint, signal: AbortSignal, onEvent: (name: string, cursor: bigint) => void) => Promise<void>;

function overRpc(transport: Transport): Read {
  const client = createClient(EventService, transport);
  return async (cursor, signal, onEvent) => {
    for await (const { events } of client.subscribeEvents({ afterPosition: cursor }, { signal })) {
      for (const { subject, sequence, position } of events) {
        onEvent(`${subject}/${sequence}`, position);
      }
    }
  };
}

function overSse(url: string, headers: Record<string, string>): Read {
  return async (cursor, signal, onEvent) => {
    const response = await fetch(`${url}/v1/events:subscribe`, {
      signal,
      headers: { ...headers, "last-event-id": String(cursor) },
    });
    let text = "";
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
      const blocks = (text + chunk).split("\n\n");
      // What came in part only is no event yet.
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const fields = new Map(block.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line]));
        const id = fields.get("id")?.slice("id: ".length);
        const data = fields.get("data")?.slice("data: ".length);
        if (id !== undefined && data !== undefined) {
          const { subject, sequence } = JSON.parse(data) as { subject: string; sequence: string };
          onEvent(`${subject}/${BigInt(sequence)}`, BigInt(id));
        }
      }
    }
  };
}

const cloudEvents = { accept: "text/event-stream, application/cloudevents+json" };
const readers: Readonly<Record<string, (url: string) => { read: Read; close(): void }>> = {
  gRPC(baseUrl) {
    const sessionManager = new Http2SessionManager(baseUrl);
    return { read: overRpc(createGrpcTransport({ baseUrl, sessionManager })), close: () => sessionManager.abort() };
  },
  Connect(baseUrl) {
    const sessionManager = new Http2SessionManager(baseUrl);
    const transport = createConnectTransport({ baseUrl, httpVersion: "2", sessionManager });
    return { read: overRpc(transport), close: () => sessionManager.abort() };
  },
  "gRPC-Web": (baseUrl) => ({ read: overRpc(createGrpcWebTransport({ baseUrl })), close() {} }),
  SSE: (url) => ({ read: overSse(url, {}), close() {} }),
  "SSE with CloudEvents": (url) => ({ read: overSse(url, cloudEvents), close() {} }),
};

test("cut at any moment and resumed at its cursor, a reader gets every event once and in order: gRPC, Connect, gRPC-Web, SSE", async () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const random = randomOf(seed);
  await using stack = new AsyncDisposableStack();
  const feed = stack.use(await startTestFeed("/sagacart/order"));
  const inner = stack.use(await createProxy({ host: "127.0.0.1", port: feed.port }));
  const gateway = stack.use(await startTestGateway(`127.0.0.1:${inner.port}`));

  const stopping = new AbortController();
  const following = await Promise.all(
    Object.entries(readers).map(async ([name, open]) => {
      const proxy = stack.use(await createProxy({ host: "127.0.0.1", port: gateway.port }));
      const { read, close } = open(`http://127.0.0.1:${proxy.port}`);
      stack.defer(close);
      return { name, proxy, ...follow(read, stopping.signal) };
    }),
  );
  await publish(feed, random, async () => {
    const cut = [inner, ...following.map(({ proxy }) => proxy)].filter(() => random() < 0.2);
    await Promise.all(cut.map(cutAndMend));
    await setTimeout(20 * random());
  });

  const { rowCount: count } = await feed.pool.query("select from events");
  for (const { name, seen } of following) {
    await expect
      .poll(() => seen.length, { interval: 20, message: `${name}, seed ${seed}` })
      .toBeGreaterThanOrEqual(count ?? 0);
  }
  stopping.abort();
  const { rows: positions } = await feed.pool.query<{ name: string }>(
    "select subject || '/' || sequence as name from event_positions order by position",
  );
  const inFeedOrder = positions.map(({ name }) => name);
  for (const { name, seen, ended, proxy } of following) {
    await ended;
    expect(seen, `${name}, seed ${seed}`).toEqual(inFeedOrder);
    // Otherwise nothing was shown.
    expect(proxy.accepted, `${name}, seed ${seed}`).toBeGreaterThan(1);
  }
  for (const subject of subjects) {
    const sequences = inFeedOrder.flatMap((name) => (name.startsWith(`${subject}/`) ? [Number(name.slice(2))] : []));
    expect(sequences, `seed ${seed}`).toEqual(sequences.map((_, index) => index + 1));
  }
});

const subjects = ["a", "b", "c", "d", "e"];

/** Writers side by side, each with orders of its own, and something that happens in between. */
async function publish(feed: TestFeed, random: () => number, meanwhile: () => Promise<void>): Promise<void> {
  const next = new Map(subjects.map((subject) => [subject, 1]));
  for (let round = 0; round < 60; round++) {
    const due = subjects.filter(() => random() < 0.7);
    await Promise.all(
      due.map(async (subject) => {
        const sequence = next.get(subject) ?? 1;
        next.set(subject, sequence + 1);
        await feed.publish([{ subject, sequence, type: "made", data: { padding: "x".repeat(4_000) } }]);
      }),
    );
    await meanwhile();
  }
}

/** Reads again and again, from where the last connection got to. */
function follow(read: Read, signal: AbortSignal): { seen: string[]; ended: Promise<void> } {
  const seen: string[] = [];
  let cursor = 0n;
  const forever = async () => {
    while (!signal.aborted) {
      await read(cursor, signal, (name, after) => {
        seen.push(name);
        cursor = after;
      }).catch(() => {});
      await setTimeout(10);
    }
  };
  return { seen, ended: forever() };
}

async function cutAndMend(proxy: { cut(): Promise<void>; mend(): Promise<void> }): Promise<void> {
  await proxy.cut();
  await proxy.mend();
}

import { afterAll, beforeAll, expect, test } from "vitest";
import { type TestDatabase, testDatabase } from "../testing/database.ts";
import { silentLog } from "../testing/log.ts";
import { proxyUrl } from "../testing/proxy.ts";
import { createWake, type Wake } from "./wake.ts";

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
});

afterAll(() => database[Symbol.asyncDispose]());

test("a wake-up reaches this process's subscribers at once, and several in one turn are merged", async () => {
  await using wake = await connected("here");
  let wakeUps = 0;
  wake.subscribe(() => wakeUps++);

  wake.wake();
  wake.wake();
  await Promise.resolve();

  expect(wakeUps).toBe(1);
});

test("a wake-up reaches other processes", async () => {
  await using one = await connected("others");
  await using other = await connected("others");
  const heard = next(other);

  one.wake();

  await heard;
});

test("subscribers of another channel are not woken", async () => {
  await using one = await connected("mine");
  await using other = await connected("yours");
  await using same = await connected("mine");
  let wakeUps = 0;
  other.subscribe(() => wakeUps++);
  const heard = next(same);

  one.wake();
  await heard;

  expect(wakeUps).toBe(0);
});

test("a process's own NOTIFY does not wake it again", async () => {
  await using one = await connected("own");
  await using other = await connected("own");
  let wakeUps = 0;
  const heard = next(other);
  one.subscribe(() => wakeUps++);

  one.wake();
  await heard;
  // The other's answer comes on one's connection after one's own would have.
  const answered = next(one);
  other.wake();
  await answered;

  expect(wakeUps).toBe(2);
});

test("many wake-ups are few notifications", async () => {
  await using one = await connected("gathered", { gatherMs: 20 });
  await using other = await connected("gathered");
  let wakeUps = 0;
  other.subscribe(() => wakeUps++);

  for (let index = 0; index < 100; index++) {
    one.wake();
    await Promise.resolve();
  }
  await next(other);
  const last = next(other);
  one.wake();
  await last;

  expect(wakeUps).toBe(2);
});

test("a reconnect wakes the subscribers, since notifications may have been missed", async () => {
  const { proxy, url } = await proxyUrl(database.url);
  await using _ = proxy;
  await using one = await connected("lost");
  await using other = await connected("lost", { url });

  await proxy.cut();
  one.wake();
  const again = next(other);
  await proxy.mend();
  await again;
  const heard = next(other);
  one.wake();

  await heard;
});

test("a wake-up while the connection is lost reaches other processes after the reconnect", async () => {
  const { proxy, url } = await proxyUrl(database.url);
  await using _ = proxy;
  await using one = await connected("owed", { url });
  await using other = await connected("owed");
  const heard = next(other);

  await proxy.cut();
  one.wake();
  await proxy.mend();

  await heard;
});

test("closing sends the pending notification", async () => {
  await using other = await connected("closing");
  const heard = next(other);
  {
    await using one = await connected("closing", { gatherMs: 60_000 });
    one.wake();
  }

  await heard;
});

test("an ended subscription is not called", async () => {
  await using wake = await connected("ended");
  let wakeUps = 0;
  wake.subscribe(() => wakeUps++)();

  wake.wake();
  await Promise.resolve();

  expect(wakeUps).toBe(0);
});

test("a channel's name that would need quotes is refused", () => {
  expect(() => createWake({ url: database.url, channel: "a; drop", log: silentLog })).toThrow(
    "a; drop is not a channel's name: lower case letters, digits and _, at most 63",
  );
});

async function connected(channel: string, options: { url?: string; gatherMs?: number } = {}): Promise<Wake> {
  const wake = createWake({ url: database.url, channel, log: silentLog, ...options });
  await next(wake);
  return wake;
}

function next(wake: Wake): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = wake.subscribe(() => {
    end();
    resolve();
  });
  return promise;
}

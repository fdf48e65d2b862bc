import { expect, test } from "vitest";
import { createServiceClient, openChannel } from "../client/client.ts";
import { EchoService } from "../testing/echo-service.ts";
import { silentLog } from "../testing/log.ts";
import { startEcho } from "../testing/test-server.ts";
import { createLog } from "./log.ts";
import { startLoop } from "./loop.ts";

test("an error is logged, and the next round follows", async () => {
  const lines: { msg: string; loop: string; error: { message: string } }[] = [];
  const log = createLog({
    service: "t",
    level: "info",
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  });
  const second = Promise.withResolvers<void>();
  let rounds = 0;

  const loop = startLoop({
    name: "sweep",
    log,
    run: async () => {
      rounds++;
      if (rounds === 1) {
        throw new Error("no database");
      }
      second.resolve();
      return { waitMs: 60_000 };
    },
  });
  await second.promise;
  await loop[Symbol.asyncDispose]();

  expect(lines).toMatchObject([
    { msg: "a background round failed", loop: "sweep", error: { message: "no database" }, failures: 1 },
  ]);
});

test("rounds that fail for what passes are warnings; one error asks a person to look, and their end is told", async () => {
  const lines: { level: string; msg: string; failures: number }[] = [];
  const log = createLog({
    service: "t",
    level: "info",
    destination: { write: (line) => lines.push(JSON.parse(line)) },
  });
  const recovered = Promise.withResolvers<void>();
  let rounds = 0;

  const loop = startLoop({
    name: "sweep",
    log,
    patienceMs: 250,
    run: async () => {
      rounds++;
      if (rounds <= 4) {
        throw Object.assign(new Error("no database"), { code: "ECONNREFUSED" });
      }
      recovered.resolve();
      return { waitMs: 60_000 };
    },
  });
  await recovered.promise;
  await loop[Symbol.asyncDispose]();

  // The pauses are 100, 200 and 400 ms, give or take a quarter.
  const errors = lines.filter(({ level }) => level === "error");
  expect(errors.map(({ msg }) => msg)).toEqual(["background rounds have failed for a minute; they are tried again"]);
  expect(lines.filter(({ level }) => level === "warn")).toHaveLength(3);
  expect(lines.at(-1)).toMatchObject({ level: "info", msg: "background rounds succeed again", failures: 4 });
});

test("the orderly shutdown of a server is not logged as an error", async () => {
  await using server = await startEcho({
    async *watch() {
      yield {};
      await new Promise(() => {});
    },
  });
  using channel = openChannel(server.address);
  const client = createServiceClient(EchoService, channel);
  const levels: string[] = [];
  const log = createLog({
    service: "t",
    level: "debug",
    destination: { write: (line) => levels.push(JSON.parse(line).level) },
  });
  const watching = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  let rounds = 0;

  await using _loop = startLoop({
    name: "watch",
    log,
    run: async () => {
      rounds++;
      if (rounds > 1) {
        ended.resolve();
        return { waitMs: 60_000 };
      }
      for await (const _ of client.watch({ text: "a" })) {
        watching.resolve();
      }
      return "again";
    },
  });
  await watching.promise;
  await server.server.drain(1_000);
  await ended.promise;

  expect(levels).toEqual(["debug"]);
});

test("`again` starts the next round at once, after a turn of the event loop", async () => {
  let rounds = 0;
  let turns = 0;
  const counting = setInterval(() => turns++, 0);
  const enough = Promise.withResolvers<void>();

  const loop = startLoop({
    name: "busy",
    log: silentLog,
    run: async () => {
      rounds++;
      if (turns >= 3) {
        enough.resolve();
        return { waitMs: 60_000 };
      }
      return "again";
    },
  });
  await enough.promise;
  clearInterval(counting);
  await loop[Symbol.asyncDispose]();

  expect(rounds).toBeGreaterThan(1);
});

test("a wake-up ends the sleep", async () => {
  const bell = createBell();
  const rounds = createCounter();
  const loop = startLoop({
    name: "sleepy",
    log: silentLog,
    wake: bell,
    run: async () => {
      rounds.count();
      return { waitMs: 60_000 };
    },
  });
  await rounds.reached(1);

  // The first round may still be on its way to bed.
  await new Promise((resolve) => setImmediate(resolve));
  bell.ring();

  await rounds.reached(2);
  await loop[Symbol.asyncDispose]();
});

test("a wake-up during a round is not lost", async () => {
  const bell = createBell();
  const rounds = createCounter();
  const loop = startLoop({
    name: "sleepy",
    log: silentLog,
    wake: bell,
    run: async () => {
      rounds.count();
      if (rounds.value === 1) {
        bell.ring();
      }
      return { waitMs: 60_000 };
    },
  });

  await rounds.reached(2);
  await loop[Symbol.asyncDispose]();
});

test("closing ends the sleep, aborts the current round and waits for it, and no other begins", async () => {
  const rounds = createCounter();
  let ended = false;
  const loop = startLoop({
    name: "slow",
    log: silentLog,
    run: async (signal) => {
      rounds.count();
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await new Promise((resolve) => setImmediate(resolve));
      ended = true;
      return "again";
    },
  });
  await rounds.reached(1);

  await loop[Symbol.asyncDispose]();

  expect(ended).toBe(true);
  expect(rounds.value).toBe(1);
});

test("after closing, no listener is left", async () => {
  const bell = createBell();
  const loop = startLoop({ name: "sleepy", log: silentLog, wake: bell, run: async () => ({ waitMs: 60_000 }) });

  await loop[Symbol.asyncDispose]();

  expect(bell.listeners.size).toBe(0);
});

function createBell() {
  const listeners = new Set<() => void>();
  return {
    listeners,
    ring() {
      for (const listener of listeners) {
        listener();
      }
    },
    subscribe(listener: () => void) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function createCounter() {
  const waiting: { value: number; resolve: () => void }[] = [];
  const counter = {
    value: 0,
    count() {
      counter.value++;
      for (const { resolve } of waiting.filter(({ value }) => counter.value >= value)) {
        resolve();
      }
    },
    reached(value: number) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push({ value, resolve });
      if (counter.value >= value) {
        resolve();
      }
      return promise;
    },
  };
  return counter;
}

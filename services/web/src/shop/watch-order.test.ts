import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { type Order_State, OrderChangeSchema, OrderSchema, Order_State as S } from "@sagacart/proto/order/v1/order";
import { expect, test } from "vitest";
import type { StreamGuard } from "./guard-stream.ts";
import { type Watched, type WatchStream, watchOrder } from "./watch-order.ts";

const message = (state: Order_State, ...sequences: bigint[]) => ({
  order: create(OrderSchema, { id: "o", state }),
  changes: sequences.map((sequence) => create(OrderChangeSchema, { sequence, state })),
});

/** A part of a stream; `dead`: the guard cuts it. */
type Part = ReturnType<typeof message> | Error | { readonly dead: "renewed" | "lost" };

/** Watches streams that send these parts, one stream after the other, and returns what was reported and asked. */
async function watch(streams: Part[][]) {
  const asked: bigint[] = [];
  const pauses: number[] = [];
  const reports: Watched[] = [];
  const leaving = new AbortController();
  let cut: ReturnType<StreamGuard["cut"]>;
  const guard = (signal: AbortSignal): StreamGuard => {
    cut = undefined;
    return { signal, cut: () => cut, heard() {}, end() {} };
  };
  const open: WatchStream = async function* (afterSequence) {
    asked.push(afterSequence);
    const parts = streams.shift();
    if (parts === undefined) {
      leaving.abort();
    }
    for (const part of parts ?? []) {
      if (part instanceof Error) {
        throw part;
      }
      if ("dead" in part) {
        cut = part.dead;
        throw new ConnectError("aborted", Code.Canceled);
      }
      yield part;
    }
  };
  const pause = async (failures: number) => {
    pauses.push(failures);
  };
  await watchOrder(open, (watched) => reports.push(watched), { signal: leaving.signal, guard, pause });
  return { asked, pauses, reports, last: reports.at(-1) };
}

const cut = new ConnectError("the network is gone", Code.Unavailable);

test("a watched order is reported until it is final, and then not asked for again", async () => {
  const { asked, last } = await watch([[message(S.PENDING, 1n), message(S.PAID, 2n, 3n), message(S.COMPLETED, 4n)]]);

  expect(asked).toEqual([0n]);
  expect(last).toMatchObject({ connection: "ended", error: undefined, order: { state: S.COMPLETED } });
  expect(last?.changes.map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n, 4n]);
});

test("after a lost connection it goes on behind the last change, and no change is there twice", async () => {
  const { asked, pauses, reports, last } = await watch([
    [message(S.PENDING, 1n), message(S.RESERVED, 2n), cut],
    [cut],
    [message(S.RESERVED), message(S.CANCELLED, 2n, 3n)],
  ]);

  expect(asked).toEqual([0n, 2n, 2n]);
  expect(pauses).toEqual([0, 1]);
  expect(reports.map(({ connection }) => connection)).toEqual([
    "live",
    "live",
    "lost",
    "lost",
    "live",
    "live",
    "ended",
  ]);
  expect(last?.changes.map(({ sequence }) => sequence)).toEqual([1n, 2n, 3n]);
});

test("a stream that just ends, as that of a gateway that stops, is opened again", async () => {
  const { asked, last } = await watch([[message(S.PENDING, 1n)], [message(S.COMPLETED, 2n)]]);
  expect(asked).toEqual([0n, 1n]);
  expect(last?.connection).toBe("ended");
});

test("an order that is already final ends at once", async () => {
  expect((await watch([[message(S.REJECTED, 1n)]])).last?.connection).toBe("ended");
});

test.each([Code.NotFound, Code.PermissionDenied, Code.Unauthenticated, Code.InvalidArgument])(
  "an error with code %i fails it, which is not the order's end",
  async (code) => {
    const error = new ConnectError("no", code);
    const { asked, last } = await watch([[error]]);
    expect(asked).toEqual([0n]);
    expect(last).toMatchObject({ connection: "failed", error });
  },
);

test.each([Code.ResourceExhausted, Code.Aborted, Code.Unavailable, Code.DeadlineExceeded])(
  "after an error with code %i it is tried again",
  async (code) => {
    const { asked, last } = await watch([[new ConnectError("later", code)], [message(S.COMPLETED, 1n)]]);
    expect(asked).toEqual([0n, 0n]);
    expect(last).toMatchObject({ connection: "ended", error: undefined });
  },
);

test("a connection that may be dead is replaced at once, and the page stays live", async () => {
  const { asked, pauses, reports } = await watch([
    [message(S.PENDING, 1n), { dead: "renewed" }],
    [message(S.COMPLETED, 2n)],
  ]);
  expect(asked).toEqual([0n, 1n]);
  expect(pauses).toEqual([]);
  expect(reports.map(({ connection }) => connection)).toEqual(["live", "live", "ended"]);
});

test("a connection that is gone is said to be lost until there is another one", async () => {
  const { reports, pauses } = await watch([[message(S.PENDING, 1n), { dead: "lost" }], [message(S.COMPLETED, 2n)]]);
  expect(pauses).toEqual([0]);
  expect(reports.map(({ connection }) => connection)).toEqual(["live", "lost", "live", "ended"]);
});

test("a page that is left hears nothing any more", async () => {
  const { reports } = await watch([]);
  expect(reports).toEqual([]);
});

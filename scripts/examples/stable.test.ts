import { expect, test } from "vitest";
import type { Example } from "./recorder.ts";
import { stabilize } from "./stable.ts";

/** An example as two recordings see it: all that differs between them is made of `n`. */
function recorded(n: number): Record<string, Example> {
  const id = (last: number) => `0199c0de-1111-7222-8333-4444${n}5555${n}${last}`.padEnd(36, "0");
  const second = (ms: number) => `2026-03-0${n}T10:0${n}:00.${ms}Z`;
  const jwt = `eyJhbGciOiJ${n}.eyJzdWIi${n}.c2lnbmF0dXJl${n}`;
  return {
    getOrder: {
      parameters: { id: id(1), "Guest-Token": `guest-${n}` },
      response: {
        order: {
          id: id(1),
          workflowId: `order-${id(2)}`,
          createTime: second(100),
          expireTime: second(200),
          created_at: `Sun, 0${n} Mar 2026 10:0${n}:00 GMT`,
          quantity: 2,
        },
        nextPageToken: "",
      },
    },
    readEvents: {
      parameters: { pageToken: `page-${n}` },
      response: { events: [{ subject: id(1), position: "7", data: JSON.stringify({ id: id(3), time: second(1) }) }] },
    },
    watchOrder: { response: `id: 7\ndata: ${JSON.stringify({ id: id(1), traceId: `${n}`.repeat(32) })}\n\n` },
    signIn: { response: { session: { accessToken: jwt, refreshToken: `refresh-${n}` }, note: `see ${jwt}` } },
    getEndpoint: { response: { url: `http://127.0.0.1:4444${n}/hook`, pid: n * 1_000 } },
    confirmPasskey: {
      request: { credentialJson: JSON.stringify({ type: "public-key", id: `key-${n}`, rawId: `key-${n}` }) },
      response: {},
    },
  };
}

const stable = (n: number) => stabilize(recorded(n), new Map([[`:4444${n}`, ":9000"]]));

test("two recordings of the same answers are the same", () => {
  expect(stable(1)).toEqual(stable(2));
});

test("nothing that is secret, or of the machine, is left", () => {
  const text = JSON.stringify(stable(1));
  for (const secret of [
    "guest-1",
    "page-1",
    "refresh-1",
    "c2lnbmF0dXJl1",
    "key-1",
    "44441",
    "2026-03-01",
    "1111-7222",
  ]) {
    expect([secret, text.includes(secret)]).toEqual([secret, false]);
  }
});

test("an id is the same wherever it is, different ones differ, and all are ids", () => {
  const { getOrder, readEvents, watchOrder } = stable(1);
  const order = getOrder?.response.order;
  expect(order.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(getOrder?.parameters?.id).toBe(order.id);
  expect(readEvents?.response.events[0].subject).toBe(order.id);
  expect(watchOrder?.response).toContain(order.id);
  expect(order.workflowId).toMatch(/^order-0199c0de-/);
  expect(order.workflowId).not.toContain(order.id);
});

test("an operation that is added changes no id of the others", () => {
  const added = stabilize({ ...recorded(1), another: { response: { id: crypto.randomUUID() } } });
  expect(added.getOrder?.response.order.id).toBe(stable(1).getOrder?.response.order.id);
});

test("what says something stays: quantities, and texts that are empty", () => {
  expect(stable(1).getOrder?.response).toMatchObject({ order: { quantity: 2 }, nextPageToken: "" });
});

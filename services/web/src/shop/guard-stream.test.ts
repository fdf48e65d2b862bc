import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { guardStream } from "./guard-stream.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function guarded() {
  const [network, outer] = [new EventTarget(), new AbortController()];
  const page = Object.assign(new EventTarget(), { hidden: false });
  const guard = guardStream(outer.signal, { network, page });
  const turn = (hidden: boolean) => {
    page.hidden = hidden;
    page.dispatchEvent(new Event("visibilitychange"));
  };
  const state = () => [guard.signal.aborted, guard.cut()];
  return { guard, network, outer, turn, state };
}

test("a stream that does not begin is lost", () => {
  const { state } = guarded();
  vi.advanceTimersByTime(19_999);
  expect(state()).toEqual([false, undefined]);
  vi.advanceTimersByTime(1);
  expect(state()).toEqual([true, "lost"]);
});

test("a stream that is silent for a minute is renewed", () => {
  const { guard, state } = guarded();
  guard.heard();
  vi.advanceTimersByTime(59_999);
  guard.heard();
  vi.advanceTimersByTime(59_999);
  expect(state()).toEqual([false, undefined]);
  vi.advanceTimersByTime(1);
  expect(state()).toEqual([true, "renewed"]);
});

test.each([
  ["offline", "lost"],
  ["online", "renewed"],
])("a browser that goes %s cuts the stream: %s", (event, why) => {
  const { network, state } = guarded();
  network.dispatchEvent(new Event(event));
  expect(state()).toEqual([true, why]);
});

test("a page that comes back into sight after a pause renews the stream", () => {
  const { guard, turn, state } = guarded();
  guard.heard();
  turn(true);
  vi.advanceTimersByTime(9_000);
  turn(false);
  expect(state()).toEqual([false, undefined]);
  turn(true);
  vi.advanceTimersByTime(11_000);
  turn(false);
  expect(state()).toEqual([true, "renewed"]);
});

test("a page that is left ends the stream, and nothing is heard of an ended one", () => {
  const left = guarded();
  left.outer.abort();
  expect(left.state()).toEqual([true, undefined]);

  const { guard, network, state } = guarded();
  guard.end();
  network.dispatchEvent(new Event("offline"));
  vi.advanceTimersByTime(120_000);
  expect(state()).toEqual([false, undefined]);
});

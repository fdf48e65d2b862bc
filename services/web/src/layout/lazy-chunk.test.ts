import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { reloadOnce } from "./lazy-chunk.ts";

const gone = new TypeError("Failed to fetch dynamically imported module: /assets/old.js");
const reload = vi.fn();
let reloadedAt: string | null;

beforeEach(() => {
  reload.mockClear();
  reloadedAt = null;
  vi.stubGlobal("sessionStorage", {
    getItem: () => reloadedAt,
    setItem: (_key: string, value: string) => {
      reloadedAt = value;
    },
  });
  vi.stubGlobal("navigator", { onLine: true });
  vi.stubGlobal("location", { reload });
});
afterEach(() => {
  vi.unstubAllGlobals();
});

test("a chunk that is gone reloads the page once", async () => {
  void reloadOnce(gone);
  expect(reload).toHaveBeenCalledTimes(1);
  await expect(reloadOnce(gone)).rejects.toBe(gone);
  expect(reload).toHaveBeenCalledTimes(1);
});

test("a later version of the shop reloads it again", () => {
  reloadedAt = String(Date.now() - 600_000);
  void reloadOnce(gone);
  expect(reload).toHaveBeenCalledTimes(1);
});

test("nothing is reloaded offline", async () => {
  vi.stubGlobal("navigator", { onLine: false });
  await expect(reloadOnce(gone)).rejects.toBe(gone);
  expect(reload).not.toHaveBeenCalled();
});

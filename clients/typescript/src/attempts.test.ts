import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import { expect, test, vi } from "vitest";
import { createAttempts } from "./attempts.ts";
import { type Outcome, ShopError } from "./errors.ts";

function failure(reason: string, outcome: Outcome): ShopError {
  const error = new ConnectError("it failed", Code.FailedPrecondition);
  error.details.push({ desc: ErrorInfoSchema, value: create(ErrorInfoSchema, { reason }) });
  return new ShopError(error, { outcome, idempotencyKey: "" });
}

/** Storage that outlives the program, as localStorage does. */
function storage() {
  const items = new Map<string, string>();
  return {
    getItem: (name: string) => items.get(name) ?? null,
    setItem: (name: string, value: string) => void items.set(name, value),
    removeItem: (name: string) => void items.delete(name),
  };
}

/** Runs a call and returns its key, whatever becomes of it. */
async function keyOf(
  attempts: ReturnType<typeof createAttempts>,
  name: string,
  error?: Error,
): Promise<string | undefined> {
  let key: string | undefined;
  await attempts
    .run(name, async (requestId) => {
      key = requestId;
      if (error !== undefined) throw error;
    })
    .catch(() => undefined);
  return key;
}

test.for<[string, Error | undefined, boolean]>([
  ["success", undefined, false],
  ["a refusal that the shop decided on", failure("PRICE_CHANGED", "decided"), false],
  ["a lost answer", failure("UNAVAILABLE", "unknown"), true],
  ["a refusal before anything was done", failure("TOO_MANY_REQUESTS", "not-done"), true],
  ["a key that was used for another request", failure("REQUEST_ID_REUSED", "decided"), true],
  ["an error of the caller's own", new Error("a bug"), true],
])("after %s the key is kept: %2", async ([, error, isKept]) => {
  const kept = storage();
  const first = await keyOf(createAttempts(kept), "cart 1", error);
  const second = await keyOf(createAttempts(kept), "cart 1");
  expect(first).toMatch(/^[0-9a-f]{32}$/);
  expect(second === first).toBe(isKept);
});

test("calls at the same time under one name share a key, and other names have others", async () => {
  const attempts = createAttempts();
  const [a, b, other] = await Promise.all(["cart 1", "cart 1", "cart 2"].map((name) => keyOf(attempts, name)));
  expect(a).toBe(b);
  expect(other).not.toBe(a);
});

test("a key that is forgotten is not used again", async () => {
  const attempts = createAttempts();
  const lost = failure("UNAVAILABLE", "unknown");
  const first = await keyOf(attempts, "cart 1", lost);
  expect(await keyOf(attempts, "cart 1", lost)).toBe(first);
  await attempts.forget("cart 1");
  expect(await keyOf(attempts, "cart 1")).not.toBe(first);
});

test("keys are made on pages by plain HTTP too, where browsers have no randomUUID", async () => {
  vi.stubGlobal("crypto", { getRandomValues: (bytes: Uint8Array) => bytes.fill(10) });
  try {
    expect(await keyOf(createAttempts(), "checkout")).toBe("0a".repeat(16));
  } finally {
    vi.unstubAllGlobals();
  }
});

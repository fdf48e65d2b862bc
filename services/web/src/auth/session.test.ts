import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Oidc, Tokens } from "./oidc.ts";
import { createSession } from "./session.ts";

const config = { clientId: "web", simulatedProviders: false };

let items: Map<string, string>;
let target: EventTarget;

beforeEach(() => {
  items = new Map([["sagacart.signed-in", "yes"]]);
  target = new EventTarget();
  vi.stubGlobal("localStorage", {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  });
  vi.stubGlobal("location", { pathname: "/" });
  vi.stubGlobal("addEventListener", target.addEventListener.bind(target));
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const tokensOf = (id: string, accessToken: string, more: Partial<Tokens> = {}): Tokens => ({
  accessToken,
  expiresAtMs: Date.now() + 300_000,
  refreshToken: `refresh-${id}`,
  idToken: `id-${id}`,
  user: { id, name: id, roles: ["customer"] },
  ...more,
});

/** Makes a session at an issuer that answers like this. */
function sessionAt(answers: Partial<Oidc>) {
  const oidc: Oidc = {
    leaveToSignIn: vi.fn(async () => {}),
    finish: vi.fn(),
    silentSignIn: vi.fn(async () => undefined),
    refresh: vi.fn(async () => undefined),
    leaveToSignOut: vi.fn(async () => {}),
    ...answers,
  };
  return { oidc, session: createSession(config, async () => oidc) };
}

const isMarkedSignedIn = () => items.has("sagacart.signed-in");
const unreachable = new TypeError("Failed to fetch");

test("a renewal for the same person keeps the state and tells nobody", async () => {
  const { session } = sessionAt({
    silentSignIn: async () => tokensOf("a", "a1"),
    refresh: async () => tokensOf("a", "a2"),
  });
  await session.restore();
  const [before, listener] = [session.state(), vi.fn()];
  session.subscribe(listener);
  expect(await session.accessToken({ not: "a1" })).toBe("a2");
  expect(session.state()).toBe(before);
  expect(listener).not.toHaveBeenCalled();
});

test("a renewal that changes the person's roles is told", async () => {
  const user = { id: "a", name: "a", roles: ["customer", "support"] };
  const { session } = sessionAt({
    silentSignIn: async () => tokensOf("a", "a1"),
    refresh: async () => tokensOf("a", "a2", { user }),
  });
  await session.restore();
  await session.accessToken({ not: "a1" });
  expect(session.state()).toEqual({ kind: "signed-in", user });
});

test("an issuer that is away is asked again at the next focus, and its session is not forgotten", async () => {
  const silentSignIn = vi.fn().mockRejectedValueOnce(unreachable).mockResolvedValue(tokensOf("a", "a1"));
  const { session } = sessionAt({ silentSignIn });
  await session.restore();
  expect([session.state(), isMarkedSignedIn()]).toEqual([{ kind: "signed-out" }, true]);
  target.dispatchEvent(new Event("focus"));
  await vi.waitFor(() => expect(session.state().kind).toBe("signed-in"));
  target.dispatchEvent(new Event("focus"));
  expect(silentSignIn).toHaveBeenCalledTimes(2);
});

test("calls do not wait for an issuer that is away, and ask it again after a while", async () => {
  vi.useFakeTimers({ toFake: ["Date"] });
  const silentSignIn = vi
    .fn()
    .mockRejectedValueOnce(unreachable)
    .mockReturnValue(new Promise(() => {}));
  const { session } = sessionAt({ silentSignIn });
  expect(await session.accessToken()).toBeUndefined();
  expect(await session.accessToken()).toBeUndefined();
  expect(silentSignIn).toHaveBeenCalledTimes(1);
  vi.setSystemTime(Date.now() + 15_000);
  expect(await session.accessToken()).toBeUndefined();
  expect(await session.accessToken()).toBeUndefined();
  await vi.waitFor(() => expect(silentSignIn).toHaveBeenCalledTimes(2));
});

test("an issuer that knows nobody signs out for good", async () => {
  const { session } = sessionAt({});
  await session.restore();
  expect([session.state(), isMarkedSignedIn()]).toEqual([{ kind: "signed-out" }, false]);
});

test("a renewal that finds somebody else fails the calls that waited for it, and goes on as that person", async () => {
  const { session } = sessionAt({
    silentSignIn: vi.fn().mockResolvedValueOnce(tokensOf("a", "a1")).mockResolvedValueOnce(tokensOf("b", "b1")),
  });
  await session.restore();
  const calls = await Promise.allSettled([session.accessToken({ not: "a1" }), session.accessToken({ not: "a1" })]);
  const reason = expect.objectContaining({ message: expect.stringContaining("somebody else has signed in") });
  expect(calls).toEqual([
    { status: "rejected", reason },
    { status: "rejected", reason },
  ]);
  expect(session.state()).toMatchObject({ user: { id: "b" } });
  expect(await session.accessToken()).toBe("b1");
});

test.each(["here", "in another tab"])("a renewal that ends after a sign-out %s does not undo it", async (where) => {
  const refreshing = Promise.withResolvers<Tokens>();
  const { oidc, session } = sessionAt({
    silentSignIn: async () => tokensOf("a", "a1"),
    refresh: vi.fn(() => refreshing.promise),
  });
  await session.restore();
  const renewal = session.accessToken({ not: "a1" });
  await vi.waitFor(() => expect(oidc.refresh).toHaveBeenCalled());
  if (where === "here") {
    await session.signOut();
  } else {
    target.dispatchEvent(Object.assign(new Event("storage"), { key: "sagacart.signed-out-at", newValue: "1" }));
  }
  refreshing.resolve(tokensOf("a", "a2"));
  expect(await renewal).toBeUndefined();
  expect([session.state(), isMarkedSignedIn()]).toEqual([{ kind: "signed-out" }, false]);
});

test("a sign-out is told to the other tabs, and a failure at the issuer to the caller", async () => {
  const { oidc, session } = sessionAt({
    silentSignIn: async () => tokensOf("a", "a1"),
    leaveToSignOut: vi.fn().mockRejectedValue(unreachable),
  });
  await session.restore();
  await expect(session.signOut()).rejects.toBe(unreachable);
  expect(oidc.leaveToSignOut).toHaveBeenCalledWith({ idToken: "id-a", refreshToken: "refresh-a" });
  expect([...items.keys()]).toEqual(["sagacart.signed-out-at"]);
});

test("a tab that cannot sign in silently does not sign the others out", async () => {
  const { session } = sessionAt({ silentSignIn: async () => tokensOf("a", "a1") });
  await session.restore();
  target.dispatchEvent(Object.assign(new Event("storage"), { key: "sagacart.signed-in", newValue: null }));
  expect(session.state().kind).toBe("signed-in");
});

test("a part of the page that could not be loaded is loaded again for the next call", async () => {
  const { oidc } = sessionAt({});
  const load = vi.fn().mockRejectedValueOnce(unreachable).mockResolvedValue(oidc);
  const session = createSession(config, load);
  await expect(session.signOut()).rejects.toBe(unreachable);
  await session.signOut();
  expect(load).toHaveBeenCalledTimes(2);
});

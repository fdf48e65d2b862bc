import { ShopError } from "./errors.ts";
import { newKey } from "./key.ts";

/** Where keys are kept: `localStorage` or `sessionStorage` of a browser, or anything of that form. */
export type KeyStorage = {
  getItem(name: string): string | null | Promise<string | null>;
  setItem(name: string, value: string): void | Promise<void>;
  removeItem(name: string): void | Promise<void>;
};

export type Attempts = {
  /**
   * Runs a call with an idempotency key that is kept under a name, for example `checkout of cart 42`, until its outcome is
   * known. After a lost answer, or a crash in the middle, the same name has the same key: what went through already is not done
   * again, and its answer is the first one's.
   *
   * If the request has changed since, the shop refuses it (REQUEST_ID_REUSED) and the key stays: look at what became of the
   * first request, then `forget` it.
   */
  run<T>(name: string, call: (requestId: string) => Promise<T>): Promise<T>;
  forget(name: string): Promise<void>;
};

export function createAttempts(storage: KeyStorage = memory()): Attempts {
  /** The keys of calls under way: a second click sends the same key, and so gets the answer of the first. */
  const underWay = new Map<string, { readonly key: Promise<string>; calls: number }>();
  const itemOf = (name: string) => `sagacart attempt ${name}`;

  async function load(name: string): Promise<string> {
    const kept = await storage.getItem(itemOf(name));
    if (kept !== null) {
      return kept;
    }
    const key = newKey();
    await storage.setItem(itemOf(name), key);
    return key;
  }

  return {
    async run<T>(name: string, call: (requestId: string) => Promise<T>): Promise<T> {
      const attempt = underWay.get(name) ?? { key: load(name), calls: 0 };
      underWay.set(name, attempt);
      attempt.calls++;
      try {
        const answer = await call(await attempt.key);
        await storage.removeItem(itemOf(name));
        return answer;
      } catch (error) {
        if (error instanceof ShopError && error.outcome === "decided" && error.reason !== "REQUEST_ID_REUSED") {
          await storage.removeItem(itemOf(name));
        }
        throw error;
      } finally {
        attempt.calls--;
        if (attempt.calls === 0) {
          underWay.delete(name);
        }
      }
    },
    async forget(name) {
      await storage.removeItem(itemOf(name));
    },
  };
}

/** Keeps keys as long as the program runs. */
function memory(): KeyStorage {
  const items = new Map<string, string>();
  return {
    getItem: (name) => items.get(name) ?? null,
    setItem: (name, value) => void items.set(name, value),
    removeItem: (name) => void items.delete(name),
  };
}

import { createPrivateKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import type { SecurityLog } from "@sagacart/chassis/auth/security-log";
import type { Pool, Transaction } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { Clock } from "@sagacart/chassis/time/clock";
import { calculateJwkThumbprint, type JWK } from "jose";
import type { KeyCipher } from "./key-cipher.ts";
import { deleteKeys, insertKey, lockKeys, readKeys, revokeKeys, type StoredKey, withKeysLocked } from "./key-store.ts";

export type SigningKey = {
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: JWK;
  readonly signTime: Date;
};

/** The facts of a key that everybody may know. */
export type PublicKey = Pick<SigningKey, "id" | "publicJwk">;

export type Keys = AsyncDisposable & {
  /** Returns the key that signs now. */
  signing(): SigningKey;
  /** Returns the keys that sign, have signed or will: the signing one first. Not those that were replaced before their time. */
  regular(): readonly SigningKey[];
  /** Returns all keys whose tokens are accepted: the regular ones, and replaced ones for a moment. */
  published(): readonly PublicKey[];
  /** Returns the keys that were replaced before their time and are still kept. Tokens of most of them are refused. */
  replaced(): readonly PublicKey[];
  /**
   * Reads the keys again and makes the next one if it is due. A background loop does this too. Calls that come during a look
   * share the next one.
   */
  refresh(): Promise<void>;
  /**
   * Replaces all keys by a new one in this transaction, since one may have leaked, and returns its id. It signs in each replica
   * as soon as the replica has read it; refresh() does so in this one. Tokens of the others are refused `replacedGraceMs` later.
   */
  replace(tx: Transaction): Promise<string>;
};

/**
 * How long tokens of a replaced key are still accepted: the replicas need a second to sign with the new key, and the verifiers
 * one to know it. Without that time, a new token could be refused, and its client would believe that its session has ended.
 */
export const replacedGraceMs = 5_000;

/** The time between two looks at the keys, within which a replica knows of a replacement. */
const longestPauseMs = 1_000;

export type KeysOptions = {
  readonly pool: Pool;
  readonly cipher: KeyCipher;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a key signs tokens. */
  readonly signMs: number;
  /** How long a key is published before it signs. */
  readonly leadMs: number;
  /** The longest lifetime of a token. */
  readonly longestTokenMs: number;
  readonly security?: SecurityLog | undefined;
};

/**
 * Starts the rotation of signing keys. Every replica reads the keys several times within the lead time, so each publishes
 * a key before any signs with it. The row holds the time from which a key signs, so replicas switch without talking to
 * each other; the first to see that a key is due makes it. A key stays published until the last token it signed has
 * expired, and one lead time longer, for a replica that read late. Throws if a key cannot be decrypted.
 *
 * A replacement does not rely on the replicas' clocks: what was replaced signs nothing from the moment it is read, and the
 * database tells how long its tokens are still good.
 */
export async function startKeys(options: KeysOptions): Promise<Keys> {
  const { clock, leadMs, log } = options;
  let keys = await rotate(options);
  let last: Promise<unknown> = Promise.resolve();
  let queued: Promise<void> | undefined;
  const pauseMs = Math.max(100, Math.min(longestPauseMs, leadMs / 4, options.signMs / 4));
  function refresh(): Promise<void> {
    if (queued === undefined) {
      // One after the other: a slow look must not undo what a later one has seen.
      queued = last.then(async () => {
        queued = undefined;
        keys = await rotate(options, keys);
      });
      last = queued.catch(() => {});
    }
    return queued;
  }
  const loop = startLoop({
    name: "rotate-signing-keys",
    log,
    async run() {
      await refresh().catch((error: unknown) => {
        options.security?.controlFailed("signing-keys", error);
        throw error;
      });
      return { waitMs: pauseMs };
    },
  });
  const regular = () => {
    const nowMs = clock.now().getTime();
    const first = keys.regular.find(({ signTime }) => signTime.getTime() <= nowMs) ?? keys.regular.at(-1);
    return first === undefined ? [] : [first, ...keys.regular.filter((key) => key !== first)];
  };
  return {
    regular,
    published: () => [...regular(), ...keys.accepted],
    replaced: () => keys.replaced,
    refresh,
    async replace(tx) {
      await lockKeys(tx);
      const key = await makeKey(options.cipher, freeTime(await readKeys(tx), clock.now()));
      await revokeKeys(tx, replacedGraceMs);
      await insertKey(tx, key);
      log.warn({ kid: key.id }, "replaces all signing keys");
      return key.id;
    },
    signing() {
      const [first] = regular();
      if (first === undefined) {
        throw new Error("there is no signing key");
      }
      return first;
    },
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
  };
}

/** The keys as they were read: those of the regular rotation, replaced ones, and of these the ones whose tokens are still accepted. */
type KnownKeys = {
  readonly regular: readonly SigningKey[];
  readonly replaced: readonly PublicKey[];
  readonly accepted: readonly PublicKey[];
};

/** Reads the keys. Makes the next one if it is due, and deletes those that verify no living token. */
async function rotate(options: KeysOptions, known?: KnownKeys): Promise<KnownKeys> {
  const { pool, clock } = options;
  const stored = await readKeys(pool);
  const nowMs = clock.now().getTime();
  const due = nextSignMs(stored, nowMs, options) !== undefined || outdated(stored, nowMs, options).length > 0;
  const current = due ? await makeNextKey(options, nowMs) : stored;
  const replaced = current.filter(({ refusedInMs }) => refusedInMs !== undefined);
  return {
    regular: decryptKeys(regularOf(current), options, known?.regular ?? []),
    replaced,
    accepted: replaced.filter(({ refusedInMs = 0 }) => refusedInMs > 0),
  };
}

/** Returns this time, or the next one at which no key begins to sign: two replacements can be in one millisecond. */
function freeTime(stored: readonly StoredKey[], now: Date): Date {
  const taken = new Set(stored.map(({ signTime }) => signTime.getTime()));
  let ms = now.getTime();
  while (taken.has(ms)) {
    ms++;
  }
  return new Date(ms);
}

function regularOf(stored: readonly StoredKey[]): StoredKey[] {
  return stored.filter(({ refusedInMs }) => refusedInMs === undefined);
}

async function makeNextKey(options: KeysOptions, nowMs: number): Promise<StoredKey[]> {
  const { kept, made, old } = await withKeysLocked(options.pool, async (tx) => {
    const stored = await readKeys(tx);
    const signMs = nextSignMs(stored, nowMs, options);
    const made = signMs === undefined ? [] : [await makeKey(options.cipher, new Date(signMs))];
    for (const key of made) {
      await insertKey(tx, key);
      options.log.info({ kid: key.id, signTime: key.signTime }, "made a signing key");
    }
    const old = outdated(stored, nowMs, options);
    await deleteKeys(
      tx,
      old.map(({ id }) => id),
    );
    return { kept: stored.filter((key) => !old.includes(key)), made, old };
  });
  for (const [event, changed] of [["signing_key.made", made] as const, ["signing_key.removed", old] as const]) {
    for (const { id } of changed) {
      const actor = { kind: "service", id: "identity" };
      options.security?.record({ event, actor, object: { kind: "signing_key", id } });
    }
  }
  return [...made, ...kept];
}

/** Returns when the next key shall begin to sign, if it must be made now. The very first signs at once. */
function nextSignMs(stored: readonly StoredKey[], nowMs: number, { signMs, leadMs }: KeysOptions): number | undefined {
  const [newest] = regularOf(stored);
  if (newest === undefined) {
    return nowMs;
  }
  const endMs = newest.signTime.getTime() + signMs;
  return endMs - leadMs <= nowMs ? Math.max(endMs, nowMs + leadMs) : undefined;
}

/**
 * Returns the keys whose last token has expired. Each signed until the next one began. Replaced ones are kept as long from the
 * time when they are refused, for verifiers to be told of them.
 */
function outdated(stored: readonly StoredKey[], nowMs: number, { longestTokenMs, leadMs }: KeysOptions): StoredKey[] {
  const former = regularOf(stored).filter((_key, index, regular) => {
    const next = regular[index - 1];
    return next !== undefined && next.signTime.getTime() + longestTokenMs + leadMs < nowMs;
  });
  const replaced = stored.filter(({ refusedInMs = 0 }) => -refusedInMs > longestTokenMs + leadMs);
  return [...former, ...replaced];
}

const makePair = promisify(generateKeyPair);

async function makeKey(cipher: KeyCipher, signTime: Date): Promise<StoredKey> {
  const { publicKey, privateKey } = await makePair("ec", { namedCurve: "P-256" });
  const bare: JWK = publicKey.export({ format: "jwk" });
  const id = await calculateJwkThumbprint(bare);
  return {
    id,
    publicJwk: { ...bare, kid: id, alg: "ES256", use: "sig" },
    encryptedPrivateKey: cipher.encrypt(privateKey.export({ format: "der", type: "pkcs8" }), id),
    signTime,
  };
}

function decryptKeys(
  stored: readonly StoredKey[],
  { cipher }: KeysOptions,
  known: readonly SigningKey[],
): SigningKey[] {
  return stored.map((key) => known.find(({ id }) => id === key.id) ?? decryptKey(key, cipher));
}

function decryptKey({ id, publicJwk, encryptedPrivateKey, signTime }: StoredKey, cipher: KeyCipher): SigningKey {
  const der = cipher.decrypt(encryptedPrivateKey, id);
  if (der === undefined) {
    throw new Error(
      `signing key ${id} cannot be decrypted: it was encrypted with another KEY_ENCRYPTION_SECRET. ` +
        "Add that secret to KEY_ENCRYPTION_SECRETS_BEFORE.",
    );
  }
  return { id, publicJwk, signTime, privateKey: createPrivateKey({ key: der, format: "der", type: "pkcs8" }) };
}

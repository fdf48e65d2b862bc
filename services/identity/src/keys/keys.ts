import { createPrivateKey, generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";
import type { SecurityLog } from "@sagacart/chassis/auth/security-log";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import type { Clock } from "@sagacart/chassis/time/clock";
import { calculateJwkThumbprint, type JWK } from "jose";
import type { KeyCipher } from "./key-cipher.ts";
import { deleteKeys, insertKey, readKeys, type StoredKey, withKeysLocked } from "./key-store.ts";

export type SigningKey = {
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: JWK;
  readonly signTime: Date;
};

export type Keys = AsyncDisposable & {
  /** Returns the key that signs now. */
  signing(): SigningKey;
  /** Returns all published keys: the signing one first, then former and future ones. */
  published(): readonly SigningKey[];
  /** Reads the keys again and makes the next one if it is due. A background loop does this too. */
  refresh(): Promise<void>;
};

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
 */
export async function startKeys(options: KeysOptions): Promise<Keys> {
  const { clock, leadMs, log } = options;
  let keys = await rotate(options);
  const pauseMs = Math.max(100, Math.min(60_000, leadMs / 4, options.signMs / 4));
  async function refresh(): Promise<void> {
    keys = await rotate(options, keys);
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
  const published = () => {
    const nowMs = clock.now().getTime();
    const first = keys.find(({ signTime }) => signTime.getTime() <= nowMs) ?? keys.at(-1);
    return first === undefined ? [] : [first, ...keys.filter((key) => key !== first)];
  };
  return {
    published,
    refresh,
    signing() {
      const [first] = published();
      if (first === undefined) {
        throw new Error("there is no signing key");
      }
      return first;
    },
    [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose](),
  };
}

/** Reads the keys. Makes the next one if it is due, and deletes those that verify no living token. */
async function rotate(options: KeysOptions, known: readonly SigningKey[] = []): Promise<SigningKey[]> {
  const { pool, clock } = options;
  const stored = await readKeys(pool);
  const nowMs = clock.now().getTime();
  const due = nextSignMs(stored, nowMs, options) !== undefined || outdated(stored, nowMs, options).length > 0;
  return decryptKeys(due ? await replaceKeys(options, nowMs) : stored, options, known);
}

async function replaceKeys(options: KeysOptions, nowMs: number): Promise<StoredKey[]> {
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
  const [newest] = stored;
  if (newest === undefined) {
    return nowMs;
  }
  const endMs = newest.signTime.getTime() + signMs;
  return endMs - leadMs <= nowMs ? Math.max(endMs, nowMs + leadMs) : undefined;
}

/** Returns the keys whose last token has expired. Each signed until the next one began. */
function outdated(stored: readonly StoredKey[], nowMs: number, { longestTokenMs, leadMs }: KeysOptions): StoredKey[] {
  return stored.filter((_key, index) => {
    const next = stored[index - 1];
    return next !== undefined && next.signTime.getTime() + longestTokenMs + leadMs < nowMs;
  });
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

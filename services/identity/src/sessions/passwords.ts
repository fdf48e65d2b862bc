import { argon2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { DomainError } from "@sagacart/chassis/errors";
import { reasons } from "../reasons.ts";

export type Passwords = {
  /** Returns the hash in the PHC string format, with this salt of 16 bytes or a random one. Throws TOO_BUSY. */
  hash(password: string, salt?: Buffer): Promise<string>;
  /**
   * Returns true if the password matches the hash. Without a hash (an unknown user) it returns false after the same time.
   * `before` runs when the queue reaches this call and can refuse it by throwing; `afterWrong` runs before the next call
   * leaves the queue. Throws TOO_BUSY.
   */
  verify(password: string, hash: string | undefined, hooks: VerifyHooks): Promise<boolean>;
  /** Returns true if the hash was made with other costs than the current ones. */
  isOutdated(hash: string): boolean;
};

/** Run around one verification, while it holds its place among those hashed at once. */
export type VerifyHooks = { before(): Promise<void>; afterWrong(): Promise<void> };

export type PasswordsOptions = {
  /** Passwords hashed at the same time. */
  readonly atOnce: number;
  /** Less than the default of 19 MiB is for tests, which sign in a hundred times. */
  readonly memoryKib?: number | undefined;
};

/**
 * Hashes passwords with argon2id (RFC 9106), by OpenSSL in libuv's threads, off the event loop. Each takes 19 MiB and 20 to
 * 80 ms of a core, so only `atOnce` run at a time. A hundred may wait; more fail with UNAVAILABLE / TOO_BUSY.
 */
export function createPasswords({ atOnce, memoryKib = 19_456 }: PasswordsOptions): Passwords {
  const enqueue = createQueue(atOnce);
  // The minimum that OWASP recommends: 19 MiB, two passes.
  const costs: Costs = { memory: memoryKib, passes: 2, parallelism: 1 };
  const dummyHash = format(costs, randomBytes(16), randomBytes(tagLength));
  return {
    hash: (password, salt = randomBytes(16)) =>
      enqueue(async () => {
        return format(costs, salt, await derive(password, salt, costs));
      }),
    verify: (password, hash, hooks) =>
      enqueue(async () => {
        await hooks.before();
        const { salt, tag, ...given } = parse(hash ?? dummyHash);
        const derived = await derive(password, salt, given);
        const isRight = timingSafeEqual(derived, tag) && hash !== undefined;
        if (!isRight) {
          await hooks.afterWrong();
        }
        return isRight;
      }),
    isOutdated: (hash) => !hash.startsWith(prefix(costs)),
  };
}

type Costs = { memory: number; passes: number; parallelism: number };

const tagLength = 32;
const run = promisify(argon2);

function derive(password: string, nonce: Buffer, { memory, passes, parallelism }: Costs): Promise<Buffer> {
  // Keyboards differ in how they encode the same letters.
  const message = password.normalize("NFKC");
  return run("argon2id", { message, nonce, memory, passes, parallelism, tagLength });
}

function prefix({ memory, passes, parallelism }: Costs): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$`;
}

/** Encodes a hash in the PHC string format, which other libraries read, too. */
function format(costs: Costs, salt: Buffer, tag: Buffer): string {
  const encode = (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "");
  return `${prefix(costs)}${encode(salt)}$${encode(tag)}`;
}

function parse(hash: string): Costs & { salt: Buffer; tag: Buffer } {
  const parts = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]{43})$/.exec(hash);
  if (parts === null) {
    throw new Error("a stored password hash is not an argon2id hash of 32 bytes");
  }
  const [, memory, passes, parallelism, salt = "", tag = ""] = parts;
  return {
    memory: Number(memory),
    passes: Number(passes),
    parallelism: Number(parallelism),
    salt: Buffer.from(salt, "base64"),
    tag: Buffer.from(tag, "base64"),
  };
}

const mostWaiting = 100;

function createQueue(atOnce: number): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running >= atOnce) {
      if (waiting.length >= mostWaiting) {
        throw new DomainError(reasons, "TOO_BUSY", "too many passwords are being checked at the moment; try again");
      }
      // The call that ends passes its place on, so `running` stays the same.
      await new Promise<void>((resolve) => waiting.push(resolve));
    } else {
      running++;
    }
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next === undefined) {
        running--;
      } else {
        next();
      }
    }
  };
}

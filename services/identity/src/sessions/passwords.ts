import { argon2, randomBytes, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";
import { DomainError } from "@sagacart/chassis/errors";
import { reasons } from "../reasons.ts";

export type Passwords = {
  hash(password: string): Promise<string>;
  /**
   * Whether the password is the one of the hash. Without a hash (there is no such user) it takes as long, and it is
   * not. `begin` runs when its turn has come, and what it throws is thrown; `wrong` before the next one's turn comes.
   */
  verify(password: string, hash: string | undefined, turn: Turn): Promise<boolean>;
  /** Whether the hash was made with other costs than those of today. */
  isOutdated(hash: string): boolean;
};

/** What is done in its turn, before the work and after it. */
export type Turn = { begin(): Promise<void>; wrong(): Promise<void> };

export type PasswordsOptions = {
  readonly atOnce: number;
  /** Less than 19 MiB is for tests, which sign in a hundred times. */
  readonly memoryKib?: number | undefined;
};

/**
 * Hashes passwords with argon2id, by OpenSSL in libuv's threads, so that the event loop goes on. At most so many at
 * once: each takes 19 MiB and 20 to 80 ms of a core. A hundred may wait; more fail with UNAVAILABLE / TOO_BUSY.
 */
export function createPasswords({ atOnce, memoryKib = 19_456 }: PasswordsOptions): Passwords {
  const inTurn = createQueue(atOnce);
  // What OWASP asks for at least: 19 MiB, two passes.
  const costs: Costs = { memory: memoryKib, passes: 2, parallelism: 1 };
  const nobodys = format(costs, randomBytes(16), randomBytes(tagLength));
  return {
    hash: (password) =>
      inTurn(async () => {
        const salt = randomBytes(16);
        return format(costs, salt, await derive(password, salt, costs));
      }),
    verify: (password, hash, turn) =>
      inTurn(async () => {
        await turn.begin();
        const { salt, tag, ...given } = parse(hash ?? nobodys);
        const derived = await derive(password, salt, given);
        const isRight = timingSafeEqual(derived, tag) && hash !== undefined;
        if (!isRight) {
          await turn.wrong();
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
  // The same letters may come in two spellings, by keyboard.
  const message = password.normalize("NFKC");
  return run("argon2id", { message, nonce, memory, passes, parallelism, tagLength });
}

function prefix({ memory, passes, parallelism }: Costs): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$`;
}

/** The PHC string format, which other programs read too. */
function format(costs: Costs, salt: Buffer, tag: Buffer): string {
  const encode = (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "");
  return `${prefix(costs)}${encode(salt)}$${encode(tag)}`;
}

function parse(hash: string): Costs & { salt: Buffer; tag: Buffer } {
  const parts = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]{43})$/.exec(hash);
  if (parts === null) {
    throw new Error("a stored password hash is not one of argon2id with 32 bytes");
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
      // Whoever ends hands its place over: running stays as it is.
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

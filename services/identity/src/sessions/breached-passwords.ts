import { createHash } from "node:crypto";
import type { SecurityLog } from "@sagacart/chassis/auth/security-log";
import type { Log } from "@sagacart/chassis/process/log";
import { tracedFetch } from "@sagacart/chassis/trace/fetch";
import type { Meters } from "../meters.ts";

export type BreachedPasswords = {
  /** Returns true if the password is known from a breach; false also if that cannot be found out in time. */
  has(password: string): Promise<boolean>;
};

export type BreachedPasswordsOptions = {
  /** The range API of Have I Been Pwned, or of a mirror; without it nothing is asked, and no password is known. */
  readonly url: string | undefined;
  readonly timeoutMs: number;
  readonly log: Log;
  readonly meters: Meters;
  readonly security?: Pick<SecurityLog, "controlFailed"> | undefined;
};

/** An answer has about a thousand lines of 40 bytes. */
const mostBytes = 1_048_576;

/**
 * Looks passwords up by the range API of Have I Been Pwned: it gets the first five digits of the SHA-1, which some thousand
 * passwords share, and answers with the rest of all hashes that begin so, padded with others so that the size tells nothing.
 * An API that is away, slow or wrong lets the password pass, with a line in the log and in the metric: otherwise nobody could
 * register or reset a password while it is away.
 */
export function createBreachedPasswords(options: BreachedPasswordsOptions): BreachedPasswords {
  const { url, timeoutMs, log, meters, security } = options;
  if (url === undefined) {
    return { has: async () => false };
  }
  const base = new URL(url.endsWith("/") ? url : `${url}/`);
  return {
    async has(password) {
      // The API's hash, which protects nothing here: the password itself is stored by argon2id.
      const hash = createHash("sha1").update(password).digest("hex").toUpperCase();
      try {
        const suffixes = await suffixesOf(new URL(hash.slice(0, 5), base), timeoutMs);
        const isKnown = suffixes.has(hash.slice(5));
        meters.breachChecks.inc({ outcome: isKnown ? "known" : "unknown" });
        return isKnown;
      } catch (error) {
        meters.breachChecks.inc({ outcome: "failed" });
        security?.controlFailed("breached-passwords", error);
        log.warn({ error, host: base.host }, "a password was accepted without a look at those known from breaches");
        return false;
      }
    },
  };
}

/** Returns the hashes, without the first five digits, that occurred in a breach. Those that pad the answer occurred 0 times. */
async function suffixesOf(url: URL, timeoutMs: number): Promise<ReadonlySet<string>> {
  const response = await tracedFetch("/range/{prefix}", url, {
    headers: { "add-padding": "true", "user-agent": "sagacart-identity", accept: "text/plain" },
    // A redirect would send the digits elsewhere.
    redirect: "error",
    signal: AbortSignal.timeout(timeoutMs),
  });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`the range API answered ${response.status}`);
  }
  const lines = (await readText(response)).split(/\r?\n/).filter((line) => line !== "");
  const entries = lines.map((line) => /^([0-9A-F]{35}):(\d+)$/i.exec(line) ?? wrongLine());
  return new Set(entries.flatMap(([, suffix = "", count]) => (Number(count) > 0 ? [suffix.toUpperCase()] : [])));
}

function wrongLine(): never {
  throw new Error("the range API answered with something else than hashes and counts");
}

async function readText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > mostBytes) {
      throw new Error(`the range API answered with more than ${mostBytes} bytes`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

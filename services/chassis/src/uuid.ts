import { randomFillSync } from "node:crypto";
import { v7 } from "uuid";

const pool = new Uint8Array(4_096);
let used = pool.length;
let lastMs = 0;
let sequence = 0;

/**
 * Creates a UUIDv7 (RFC 9562). Ids sort by creation time, within a process also by order of creation, and B-tree inserts
 * stay at the right edge. Random bytes are drawn for 256 ids at once: drawing them for each took a twentieth of a service's
 * CPU time.
 */
export function uuidv7(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const random = pool.subarray(used, used + 16);
  used += 16;
  const nowMs = Date.now();
  if (nowMs > lastMs) {
    lastMs = nowMs;
    sequence = new DataView(random.buffer, random.byteOffset).getUint32(6) >>> 1;
  } else {
    sequence = (sequence + 1) >>> 0;
    // The counter overflowed: the next millisecond begins early, as the RFC allows.
    lastMs += sequence === 0 ? 1 : 0;
  }
  return v7({ random, msecs: lastMs, seq: sequence });
}

/** Returns when a UUIDv7 was made, in ms since the epoch; NaN for any other text. */
export function uuidTimeMs(id: string): number {
  return version7.test(id) ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : Number.NaN;
}

const version7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-/i;

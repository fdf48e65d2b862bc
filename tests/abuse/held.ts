import { readFile } from "node:fs/promises";
import { setTimeout } from "node:timers/promises";
import type { Target } from "./attack.ts";

/** How long the gateway may hold a connection after its limits have passed: they are looked at every second or two. */
const boundMs = 20_000;

/**
 * Resolves when the gateway holds no connection of the attacker any more. Rejects if it still does after 20 s, which is many
 * times its limits: the attack has found a way to keep connections.
 *
 * The kernel is asked for the gateway's ends, since the attacker's do not tell: one that reads nothing learns of no end.
 */
export async function untilLetGo(target: Target): Promise<void> {
  const endMs = performance.now() + boundMs;
  for (;;) {
    const held = await heldConnections(target);
    if (held === 0) {
      return;
    }
    if (performance.now() > endMs) {
      throw new Error(`the gateway still holds ${held} connections after ${boundMs / 1_000} s`);
    }
    await setTimeout(100);
  }
}

/** Counts the connections of the attacker's address that the gateway has not closed. */
async function heldConnections({ port, from }: Target): Promise<number> {
  const [, ...rows] = (await readFile("/proc/net/tcp", "utf8")).trim().split("\n");
  const [local, remote] = [hexPort(port), hexAddress(from)];
  return rows.filter((row) => {
    const [, own = "", peer = "", state = "", , , , , , inode] = row.trim().split(/\s+/);
    // One without an inode has not been accepted: the kernel holds it, and not the gateway.
    const isAccepted = inode !== "0";
    return own.endsWith(`:${local}`) && peer.startsWith(`${remote}:`) && open.has(state) && isAccepted;
  }).length;
}

/** ESTABLISHED, and CLOSE_WAIT: the peer has left, and the process has not closed its end. */
const open: ReadonlySet<string> = new Set(["01", "08"]);

function hexPort(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, "0");
}

/** Writes an address as the kernel does, in the order of a machine's bytes: 127.0.0.2 is 0200007F. */
function hexAddress(address: string): string {
  const bytes = address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
  return bytes.toReversed().join("").toUpperCase();
}

import { type ClientHttp2Session, connect as connectHttp2, type SecureClientSessionOptions } from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";

/** The target of an attack, and the means of an attacker: an account, and an order of its own. */
export type Target = {
  readonly host: string;
  readonly port: number;
  /** The address that the attack comes from, so that limits by address tell it from other callers. */
  readonly from: string;
  /** The attacker's own sign-in. */
  readonly authorization: string;
  readonly userId: string;
  readonly orderId: string;
};

/**
 * An attack: it goes on until the signal aborts, and resolves with a sentence on what became of it. It rejects if it has
 * succeeded, for example since the gateway holds its connections for ever.
 */
export type Attack = (target: Target, signal: AbortSignal) => Promise<string>;

/** Opens a connection of HTTP/2 from the attacker's address. Its errors are what an attacker expects. */
export function openSession(target: Target, settings: SecureClientSessionOptions["settings"] = {}): ClientHttp2Session {
  const session = connectHttp2(`http://${target.host}:${target.port}`, {
    settings,
    createConnection: () => openSocket(target),
  });
  session.on("error", () => {});
  return session;
}

/** Opens a connection from the attacker's address. */
export function openSocket({ host, port, from }: Target): Socket {
  const socket = connectTcp({ host, port, localAddress: from });
  socket.on("error", () => {});
  return socket;
}

/** Counts what became of requests, by status. */
export function createTally(): { count(what: string | number): void; toString(): string } {
  const counts = new Map<string, number>();
  return {
    count(what) {
      counts.set(String(what), (counts.get(String(what)) ?? 0) + 1);
    },
    toString: () => [...counts].map(([what, times]) => `${what}: ${times}`).join(", "),
  };
}

/** Sends a request from the attacker's address over HTTP/1.1, and resolves with its status once the answer has begun. */
export function send(
  target: Target,
  {
    method,
    path,
    headers = {},
    body = "",
  }: { method: string; path: string; headers?: Record<string, string>; body?: string },
): Promise<number | "cut"> {
  const socket = openSocket(target);
  const lines = Object.entries({
    host: "shop",
    connection: "close",
    "content-length": String(Buffer.byteLength(body)),
    ...headers,
  }).map(([name, value]) => `${name}: ${value}`);
  return new Promise((resolve) => {
    socket.once("data", (chunk) => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(String(chunk))?.[1] ?? 0)));
    socket.once("close", () => resolve("cut"));
    socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${body}`);
  }).finally(() => socket.destroy()) as Promise<number | "cut">;
}

/** Runs `work` again and again, `width` at a time, until the signal aborts. */
export async function again(width: number, signal: AbortSignal, work: () => Promise<unknown>): Promise<void> {
  await Promise.all(
    Array.from({ length: width }, async () => {
      while (!signal.aborted) {
        await work().catch(() => {});
      }
    }),
  );
}

/** Resolves when the attack is over. */
export function over(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    }
    signal.addEventListener("abort", () => resolve());
  });
}

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { expect, test } from "vitest";
import { type ConnectionLimits, serviceConnections } from "../connections/limits.ts";

/** Times that are short, so that a test need not wait a minute. */
export const shortConnections: ConnectionLimits = {
  ...serviceConnections,
  requestTimeoutMs: 1_000,
  idleTimeoutMs: 500,
  stalledAnswerMs: 500,
};

type Listener = AsyncDisposable & { readonly port: number };

/** Tests that a listener of HTTP/1.1 bounds what a caller can hold. `largePath` answers with 16 MiB or more. */
export function http1ConnectionTests(largePath: string, start: (limits: ConnectionLimits) => Promise<Listener>): void {
  test.each([
    ["nothing", ""],
    ["half a head", "GET /he"],
    ["half a body", "POST /oidc/token HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\nhalf"],
    ["a request, and then nothing", "GET /nothing-here HTTP/1.1\r\nHost: here\r\n\r\n"],
  ])("HTTP/1.1: a connection that sends %s is closed", async (_, text) => {
    await using listener = await start(shortConnections);
    const socket = open(listener.port);
    socket.write(text);
    socket.resume();

    await closed(socket);
  });

  test("HTTP/1.1: an answer that is not read is given up", async () => {
    await using listener = await start(shortConnections);
    const socket = open(listener.port);
    socket.pause();
    socket.write(`GET ${largePath} HTTP/1.1\r\nHost: here\r\n\r\n`);
    await once(socket, "readable");
    // The listener closes it while nothing is read here; what it had sent before is still there to read.
    await new Promise((resolve) => setTimeout(resolve, 4 * shortConnections.stalledAnswerMs));
    let bytes = 0;
    socket.on("data", (chunk) => {
      bytes += chunk.length;
    });
    await closed(socket);

    expect(bytes).toBeLessThan(16 * 1024 * 1024);
  });

  test.each([
    ["of one address", { connectionsPerAddress: 2 }],
    ["in all", { connections: 2 }],
  ])("HTTP/1.1: too many connections %s are refused, and admitted when others have closed", async (_, few) => {
    await using listener = await start({ ...serviceConnections, ...few });
    const first = [await admitted(listener.port), await admitted(listener.port)];
    const third = await admitted(listener.port);

    expect([...first, third].map(({ isAdmitted }) => isAdmitted)).toEqual([true, true, false]);
    first[0]?.socket.destroy();
    await expect.poll(async () => (await admitted(listener.port)).isAdmitted).toBe(true);
    first[1]?.socket.destroy();
  });
}

/** Opens a connection whose errors are expected. */
export function open(port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  return socket;
}

/** Resolves when it is closed, with an error or without. */
export async function closed(emitter: {
  readonly destroyed: boolean;
  once(event: "close", listener: () => void): void;
}): Promise<void> {
  await new Promise<void>((resolve) => {
    if (emitter.destroyed) {
      resolve();
    } else {
      emitter.once("close", () => resolve());
    }
  });
}

async function admitted(port: number): Promise<{ socket: Socket; isAdmitted: boolean }> {
  const socket = open(port);
  socket.write("GET /nothing-here HTTP/1.1\r\nHost: here\r\n\r\n");
  const isAdmitted = await Promise.race([once(socket, "data").then(() => true), closed(socket).then(() => false)]);
  return { socket, isAdmitted };
}

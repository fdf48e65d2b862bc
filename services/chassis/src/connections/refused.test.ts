import { connect as connectTcp, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import { createSecurityLog } from "../auth/security-log.ts";
import { startEcho } from "../testing/test-server.ts";
import { type ConnectionLimits, serviceConnections } from "./limits.ts";

const cleanup = new AsyncDisposableStack();
afterEach(() => cleanup.disposeAsync());

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** An empty frame of settings. */
const settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
/** A frame of data on a stream that there is not. */
const strayData = [0, 0, 1, 0, 0, 0, 0, 0, 0, 7];

async function recorded(limits: Partial<ConnectionLimits>, bytes: readonly (string | readonly number[])[], opened = 1) {
  const lines: Record<string, unknown>[] = [];
  const security = createSecurityLog({ service: "s", destination: { write: (line) => lines.push(JSON.parse(line)) } });
  await using echo = await startEcho({}, { security, connectionLimits: { ...serviceConnections, ...limits } });
  const sockets = Array.from({ length: opened }, () => {
    const socket = connectTcp(echo.server.port, "127.0.0.1").on("error", () => {});
    for (const part of bytes) {
      socket.write(typeof part === "string" ? part : Buffer.from(part));
    }
    return socket.resume();
  });
  await Promise.race(sockets.map(closed));
  await expect.poll(() => lines).not.toEqual([]);
  for (const socket of sockets) {
    socket.destroy();
  }
  return lines;
}

test.each<[string, Partial<ConnectionLimits>, (string | number[])[], string, number?]>([
  ["one connection too many", { connectionsPerAddress: 1 }, [preface, settings], "TOO_MANY_CONNECTIONS", 2],
  ["what is not HTTP/2", {}, ["GET / HTTP/1.1\r\nHost: here\r\n\r\n"], "NOT_HTTP2"],
  ["a frame that breaks the protocol", {}, [preface, settings, strayData], "PROTOCOL_ERROR"],
  ["half a preface", { requestTimeoutMs: 1_000 }, ["PRI * HT"], "REQUEST_TIMEOUT"],
])("%s at a service is a line of the security log", async (_, limits, bytes, reason, opened) => {
  expect(await recorded(limits, bytes, opened)).toMatchObject([
    { event: "connection.refused", outcome: "refused", reason, address: "127.0.0.1", count: 1 },
  ]);
});

/** Not once() of node:events, which rejects for the error that comes before. */
async function closed(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => socket.once("close", () => resolve()).resume());
}

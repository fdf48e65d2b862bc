import { type Attack, openSocket, over } from "../attack.ts";

/** Many connections that ask for the largest answers, wrong bodies' too, and read nothing of them. */
export const slowReaders: Attack = async (target, signal) => {
  const body = `{"lines":[${"1,".repeat(30_000)}1]}`;
  const sockets = Array.from({ length: 100 }, (_, index) => {
    const socket = openSocket(target);
    socket.pause();
    const head = (method: string, path: string, length: number) =>
      `${method} ${path} HTTP/1.1\r\nHost: shop\r\nContent-Type: application/json\r\nContent-Length: ${length}\r\n\r\n`;
    socket.write(
      index % 2 === 0
        ? head("POST", "/v1/guest-carts", body.length) + body
        : head("GET", "/v1/products?pageSize=1000", 0) + head("GET", "/openapi.json", 0),
    );
    return socket;
  });
  await over(signal);
  const open = sockets.filter(({ destroyed }) => !destroyed).length;
  for (const socket of sockets) {
    socket.destroy();
  }
  return `${open} of ${sockets.length} connections still open`;
};

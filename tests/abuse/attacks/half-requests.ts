import { type Attack, openSession, openSocket, over } from "../attack.ts";

/** Connections that never finish: half a head, half a body, half a preface, nothing at all; ten times as many as allowed. */
export const halfRequests: Attack = async (target, signal) => {
  const beginnings = [
    "",
    "GET /v1/pro",
    "PRI * HT",
    "POST /v1/sessions HTTP/1.1\r\nHost: shop\r\nContent-Length: 9\r\n\r\n{",
  ];
  const sockets = Array.from({ length: 1_000 }, (_, index) => {
    const socket = openSocket(target);
    socket.write(beginnings[index % beginnings.length] ?? "");
    return socket;
  });
  const session = openSession(target);
  for (let n = 0; n < 200; n++) {
    const stream = session.request({ ":method": "POST", ":path": "/v1/sessions" }, { endStream: false });
    stream.on("error", () => {});
    stream.write("{");
  }
  await over(signal);
  const open = sockets.filter(({ destroyed }) => !destroyed).length;
  for (const socket of sockets) {
    socket.destroy();
  }
  session.destroy();
  return `${open} of ${sockets.length} connections still open`;
};

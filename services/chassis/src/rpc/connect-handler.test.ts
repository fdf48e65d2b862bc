import { once } from "node:events";
import { createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, createServer as createHttp2Server, type Http2ServerResponse } from "node:http2";
import type { AddressInfo, Server } from "node:net";
import { buffer } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import type { UniversalHandler, UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { Health } from "@sagacart/proto/grpc/health/v1/health";
import { expect, test } from "vitest";
import { createLog } from "../process/log.ts";
import { answerCall } from "./connect-handler.ts";

/** Answers each call with this handler. Collects the lines of the log. */
async function serve(protocol: "HTTP/1.1" | "HTTP/2", answer: () => Promise<UniversalServerResponse>) {
  const lines: string[] = [];
  const log = createLog({ service: "test", level: "info", destination: { write: (line) => lines.push(line) } });
  const { check: method } = Health.method;
  const handler = Object.assign(answer, { service: Health, method }) as unknown as UniversalHandler;
  // The handlers of this test do not read it.
  const request = {} as UniversalServerRequest;
  const listener = (_request: unknown, response: ServerResponse | Http2ServerResponse) =>
    void answerCall(handler, request, {
      response,
      log,
      beforeAnswer: () => void response.setHeader("content-security-policy", "default-src 'none'"),
    });
  const server: Server = protocol === "HTTP/2" ? createHttp2Server(listener) : createServer(listener);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const send = protocol === "HTTP/2" ? sendByHttp2 : sendByHttp1;
  return {
    lines,
    send: () => send(port),
    [Symbol.asyncDispose]: async () => void (await new Promise((resolve) => server.close(resolve))),
  };
}

type Answer = { readonly status: number | undefined; readonly length: number; readonly isCutOff: boolean };

async function sendByHttp1(port: number): Promise<Answer> {
  const sent = get({ host: "127.0.0.1", port, agent: false });
  const [answer] = (await once(sent, "response")) as [IncomingMessage];
  const read = await buffer(answer).catch(() => undefined);
  return { status: answer.statusCode, length: read?.length ?? 0, isCutOff: read === undefined };
}

async function sendByHttp2(port: number): Promise<Answer> {
  const session = connect(`http://127.0.0.1:${port}`);
  try {
    const stream = session.request();
    const answered = once(stream, "response");
    const read = buffer(stream).catch(() => undefined);
    const [{ ":status": status }] = await answered;
    const all = await read;
    return { status, length: all?.length ?? 0, isCutOff: all === undefined };
  } finally {
    session.close();
  }
}

/** Yields some bytes, and then fails. */
async function* failingAfter(bytes: number): AsyncIterable<Uint8Array> {
  if (bytes > 0) {
    yield new Uint8Array(bytes);
    // Until they are on their way.
    await setImmediate();
  }
  throw new Error("a bug");
}

const proto = { "content-type": "application/proto", "content-length": "2" };
const answers: [string, () => Promise<UniversalServerResponse>][] = [
  ["fails", () => Promise.reject(new Error("a bug"))],
  [
    "fails at its first bytes",
    async () => ({ status: 200, header: new Headers(proto), body: failingAfter(0), trailer: new Headers() }),
  ],
  ["has a status that is none", async () => ({ status: 42, header: new Headers(proto), trailer: new Headers() })],
];

for (const protocol of ["HTTP/1.1", "HTTP/2"] as const) {
  test.each(answers)(`by ${protocol}, an answer that %s is an error, and not an empty success`, async (_, answer) => {
    await using server = await serve(protocol, answer);

    expect(await server.send()).toEqual({ status: 500, length: 0, isCutOff: false });
    expect(server.lines).toHaveLength(1);
    expect(server.lines[0]).toContain("the answer could not be sent");
  });

  test(`by ${protocol}, an answer that fails after its first bytes is cut off`, async () => {
    const header = new Headers({ "content-type": "application/connect+proto" });
    await using server = await serve(protocol, async () => ({ status: 200, header, body: failingAfter(3) }));

    expect(await server.send()).toMatchObject({ status: 200, isCutOff: true });
    expect(server.lines).toHaveLength(1);
  });
}

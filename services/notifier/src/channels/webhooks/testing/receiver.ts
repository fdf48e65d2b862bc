import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";

/** A received request with a valid signature. */
export type Received = {
  /** The header webhook-id. */
  readonly id: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** The event's attributes. */
  readonly type: string;
  readonly subject: string;
  readonly sequence: number;
  readonly eventId: string;
};

/** An answer to give; "hang" never answers. */
export type Reply = { status: number; headers?: Record<string, string>; body?: string; afterMs?: number } | "hang";

export type Receiver = AsyncDisposable & {
  readonly url: string;
  readonly port: number;
  /** Requests with a valid signature, in order of arrival. */
  readonly received: readonly Received[];
  /** Those that were answered with 2xx. */
  readonly accepted: readonly Received[];
  /** The number of requests with an invalid signature. */
  readonly forged: number;
  /** The most concurrent requests. */
  readonly mostAtOnce: number;
  /** The secret that requests must be signed with. */
  secret: string;
  /** Chooses the answers from now on. */
  reply: (request: Received) => Reply;
};

/** Starts an endpoint: a real server that verifies signatures with the public package standardwebhooks. */
export async function startReceiver(
  options: { tls?: { key: string; cert: string }; port?: number } = {},
): Promise<Receiver> {
  const received: Received[] = [];
  const accepted: Received[] = [];
  let forged = 0;
  let atOnce = 0;
  let mostAtOnce = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    atOnce++;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    response.on("close", () => atOnce--);
    const body = Buffer.concat(await request.toArray()).toString();
    try {
      new Webhook(receiver.secret).verify(body, request.headers as Record<string, string>);
    } catch {
      forged++;
      response.writeHead(401).end();
      return;
    }
    const one = readRequest(request, body);
    received.push(one);
    const reply = receiver.reply(one);
    if (reply === "hang") {
      return;
    }
    if (reply.afterMs !== undefined) {
      await new Promise((resolve) => setTimeout(resolve, reply.afterMs));
    }
    if (reply.status >= 200 && reply.status < 300) {
      accepted.push(one);
    }
    response.writeHead(reply.status, reply.headers).end(reply.body ?? "");
  };
  // It fails if the sender disconnects during its request.
  const listener = (request: IncomingMessage, response: ServerResponse) =>
    void handle(request, response).catch(() => response.destroy());
  const server = options.tls === undefined ? createHttpServer(listener) : createHttpsServer(options.tls, listener);
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const receiver: Receiver = {
    url: `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}/hook`,
    port,
    received,
    accepted,
    get forged() {
      return forged;
    },
    get mostAtOnce() {
      return mostAtOnce;
    },
    secret: "",
    reply: () => ({ status: 204 }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return receiver;
}

function readRequest({ headers }: IncomingMessage, body: string): Received {
  const event = JSON.parse(body);
  const attributes = headers["ce-specversion"] === undefined ? event : binaryAttributes(headers);
  return {
    id: String(headers["webhook-id"]),
    headers,
    body,
    type: attributes.type,
    subject: attributes.subject,
    sequence: Number(attributes.sequence),
    eventId: attributes.id,
  };
}

function binaryAttributes(headers: IncomingMessage["headers"]) {
  const { "ce-type": type, "ce-subject": subject, "ce-sequence": sequence, "ce-id": id } = headers;
  return { type, subject, sequence, id };
}

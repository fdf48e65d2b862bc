import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Log } from "@sagacart/chassis/process/log";
import type { FakeStore } from "./fake-store.ts";
import { startWebhookSender } from "./webhook-sender.ts";

export type FakeOptions = {
  host: string;
  /** 0 takes a free one. */
  port: number;
  /** An SQLite file, or ":memory:". */
  stateFile: string;
  apiKey: string;
  webhookUrl: string;
  /** Webhooks are signed with each. */
  webhookSecrets: readonly string[];
  log: Log;
};

export type Request = { readonly method: string; readonly path: string; readonly body: string };

/** An answer in JSON; `lost` cuts the connection. */
export type Answer = { readonly code: number; readonly body: object } | "lost";

export type Fake = {
  readonly name: string;
  readonly store: FakeStore;
  /** Answers a request with the right API key. `wake` sends the webhooks that are due. */
  handle(request: Request, wake: () => void): Promise<Answer>;
};

/**
 * Serves a fake provider and sends its webhooks. `GET /` says that it is there, without an API key. Rejects when the
 * port is taken.
 */
export async function startFake(
  options: FakeOptions,
  { name, store, handle }: Fake,
): Promise<AsyncDisposable & { readonly url: string }> {
  const { host, port, webhookUrl: url, webhookSecrets: secrets, log } = options;
  const sender = startWebhookSender({ name: `${name}-webhooks`, store, url, secrets, log });
  const answer = async (request: IncomingMessage): Promise<Answer> => {
    const method = request.method ?? "";
    const { pathname: path } = new URL(request.url ?? "/", "http://fake");
    if (method === "GET" && path === "/") {
      return { code: 200, body: { name } };
    }
    return isEqual(request.headers.authorization ?? "", `Bearer ${options.apiKey}`)
      ? await handle({ method, path, body: await readText(request) }, sender.wake)
      : { code: 401, body: { error: "the API key is wrong" } };
  };
  const server = createServer((request, response) => {
    void answer(request)
      .catch((error) => ({ code: 500, body: { error: String(error) } }))
      .then((answer) => {
        if (answer === "lost") {
          response.destroy();
        } else {
          response.writeHead(answer.code, { "content-type": "application/json" }).end(JSON.stringify(answer.body));
        }
      });
  });
  const { promise: listening, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen(port, host, resolve);
  await listening;
  // A server that listens on a port has an address with one.
  const address = server.address() as AddressInfo;
  return {
    url: `http://${host}:${address.port}`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await sender[Symbol.asyncDispose]();
      store.close();
    },
  };
}

async function readText(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) {
    text += chunk;
    if (text.length > 16_384) {
      throw new Error("the body is too long");
    }
  }
  return text;
}

function isEqual(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}

import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";

// biome-ignore lint/suspicious/noExplicitAny: bodies have many shapes, which the callers know.
export type Answer = { readonly status: number; readonly type: string; readonly body: any };

export type WdmClient = {
  /** Sends a request without a body, for example `POST /orders/checkout/7`. Rejects if the connection fails. */
  send(asked: string): Promise<Answer>;
  close(): void;
};

/** Creates a client like those of the WDM surface: HTTP/1.1, with a keep-alive connection per user. */
export function createClient(origin: string, users: number): WdmClient {
  const agent = new Agent({ keepAlive: true, maxSockets: users });
  return {
    async send(asked) {
      const [method = "GET", path = "/"] = asked.split(" ");
      const headers = method === "POST" ? { "content-length": "0", "content-type": "application/octet-stream" } : {};
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      const sent = request(`${origin}${path}`, { method, agent, headers });
      sent.on("error", reject);
      sent.on("response", (answer) => {
        const type = answer.headers["content-type"] ?? "";
        text(answer)
          .then((body) => ({
            status: answer.statusCode ?? 0,
            type,
            body: type.includes("json") ? JSON.parse(body) : body,
          }))
          .then(resolve, reject);
      });
      sent.end();
      return await promise;
    },
    close: () => agent.destroy(),
  };
}

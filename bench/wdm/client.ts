import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";

// biome-ignore lint/suspicious/noExplicitAny: bodies of many kinds, looked into by those who know which.
export type Answer = { readonly status: number; readonly type: string; readonly body: any };

export type WdmClient = {
  /** Sends a request without a body; `POST /orders/checkout/7`. Rejects where the connection fails. */
  send(asked: string): Promise<Answer>;
  close(): void;
};

/** Speaks to the WDM surface as its clients do: HTTP/1.1, a connection kept open for each of so many users. */
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

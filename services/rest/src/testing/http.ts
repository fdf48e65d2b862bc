import type { FastifyInstance } from "fastify";

/** A REST server under test, on a free port. */
export type TestServer = AsyncDisposable & {
  readonly app: FastifyInstance;
  readonly url: string;
  readonly port: number;
  /** Sends a request such as `GET /health`; a body that is not text goes as JSON. */
  send(request: string, options?: { body?: unknown; headers?: Record<string, string> }): Promise<TestAnswer>;
};

// biome-ignore lint/suspicious/noExplicitAny: tests look into it.
export type TestAnswer = { readonly status: number; readonly headers: Headers; readonly body: any };

/** Lets an app listen on a free port; disposing closes it, and then what `close` closes. */
export async function listen(app: FastifyInstance, close: () => Promise<void>): Promise<TestServer> {
  const url = await app.listen({ host: "127.0.0.1", port: 0 });
  return {
    app,
    url,
    port: Number(new URL(url).port),
    async send(request, { body, headers = {} } = {}) {
      const [method = "GET", path = "/"] = request.split(" ");
      const json: Record<string, string> = body === undefined ? {} : { "content-type": "application/json" };
      const response = await fetch(`${url}${path}`, {
        method,
        headers: { ...json, ...headers },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      const isJson = response.headers.get("content-type")?.includes("json") === true;
      return { status: response.status, headers: response.headers, body: isJson ? JSON.parse(text) : text };
    },
    async [Symbol.asyncDispose]() {
      await app.close();
      await close();
    },
  };
}

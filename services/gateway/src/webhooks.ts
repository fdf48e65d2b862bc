import type { FastifyInstance } from "fastify";
import { callerLeft } from "./caller-left.ts";
import { EdgeError } from "./problem.ts";
import type { Services } from "./services.ts";

/**
 * Takes in what the providers send, `POST /v1/provider-webhooks/{provider}`, and hands it on to the byte: it is the
 * bytes that are signed. Answers 200 once it is stored.
 */
export async function webhooks(app: FastifyInstance, { services }: { services: Services }): Promise<void> {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer", bodyLimit: 256 * 1024 }, (_request, body, done) =>
    done(null, body),
  );
  const { payments, shipping } = services.clients;
  type Webhook = { provider: string; body: Uint8Array<ArrayBuffer>; signature: string };
  const receivers = new Map<string, (webhook: Webhook, options: { signal: AbortSignal }) => Promise<unknown>>([
    ["card", (webhook, options) => payments.receiveWebhook(webhook, options)],
    ["carrier", (webhook, options) => shipping.receiveWebhook(webhook, options)],
  ]);

  app.post<{ Params: { provider: string } }>("/v1/provider-webhooks/:provider", async (request, reply) => {
    const { provider } = request.params;
    const receive = receivers.get(provider);
    if (receive === undefined) {
      throw new EdgeError("PROVIDER_NOT_FOUND", `there is no provider ${provider}`, { metadata: { provider } });
    }
    const signature = request.headers["sagacart-signature"];
    const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
    await receive(
      { provider, body: Uint8Array.from(body), signature: typeof signature === "string" ? signature : "" },
      { signal: callerLeft(reply) },
    );
    return {};
  });
}

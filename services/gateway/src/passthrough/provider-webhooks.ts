import { callerLeft } from "@sagacart/rest/caller-left";
import { EdgeError } from "@sagacart/rest/problem";
import type { FastifyInstance } from "fastify";
import type { Services } from "../services.ts";

/**
 * Serves `POST /v1/provider-webhooks/{provider}`: passes a provider's webhook on unchanged, since its signature is over the
 * bytes. Answers 200 once it is stored.
 */
export async function providerWebhooks(app: FastifyInstance, { services }: { services: Services }): Promise<void> {
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

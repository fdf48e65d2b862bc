import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { signatureHeader } from "../webhook-signature.ts";

/** A service that takes webhooks, as its client has it. */
export type WebhookReceiver = {
  receiveWebhook(webhook: { provider: string; body: Uint8Array; signature: string }): Promise<unknown>;
};

export type WebhookEntrance = AsyncDisposable & {
  readonly url: string;
  /** Passes webhooks on from now on; those that came before wait until then. */
  open(receiver: WebhookReceiver): void;
};

/** Passes webhooks on as they are, as the gateway does: 204 when the service has stored one, 503 when not. */
export async function startWebhookEntrance(provider: string): Promise<WebhookEntrance> {
  const { promise, resolve: open } = Promise.withResolvers<WebhookReceiver>();
  const server = createServer(async (request, response) => {
    try {
      // Read at once: a sender that gives up while it waits has sent its body.
      const body = Buffer.concat(await request.toArray());
      const signature = String(request.headers[signatureHeader]);
      const receiver = await promise;
      await receiver.receiveWebhook({ provider, body, signature });
      response.writeHead(204).end();
    } catch {
      response.writeHead(503).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/`,
    open,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
    },
  };
}

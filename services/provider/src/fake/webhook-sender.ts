import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { signatureHeader, signWebhook } from "../webhook-signature.ts";
import type { FakeStore, Webhook } from "./fake-store.ts";

export type SenderOptions = { name: string; store: FakeStore; url: string; secret: string; log: Log };

/** Sends webhooks that are due, each again after a growing pause until it is accepted. */
export function startWebhookSender({
  name,
  store,
  url,
  secret,
  log,
}: SenderOptions): AsyncDisposable & { wake(): void } {
  let wake = () => {};
  const loop = startLoop({
    name,
    log,
    wake: {
      subscribe(listener) {
        wake = listener;
        return () => {};
      },
    },
    async run(signal) {
      await Promise.all(
        store.dueWebhooks(Date.now()).map(async (webhook) => {
          if (await send(webhook, { url, secret, signal })) {
            store.finishWebhook(webhook.id);
          } else {
            const pauseMs = Math.min(200 * 2 ** webhook.attempts, 30_000);
            store.retryWebhook(webhook.id, Date.now() + pauseMs);
          }
        }),
      );
      return { waitMs: Math.max(0, Math.min(1_000, (store.nextWebhookMs() ?? Number.POSITIVE_INFINITY) - Date.now())) };
    },
  });
  return { wake: () => wake(), [Symbol.asyncDispose]: () => loop[Symbol.asyncDispose]() };
}

async function send(
  { body }: Webhook,
  { url, secret, signal }: { url: string; secret: string; signal: AbortSignal },
): Promise<boolean> {
  try {
    const response = await fetch(url, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/json",
        [signatureHeader]: signWebhook(Buffer.from(body), secret, new Date()),
      },
      signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

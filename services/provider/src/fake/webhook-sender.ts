import type { Log } from "@sagacart/chassis/process/log";
import { startLoop } from "@sagacart/chassis/process/loop";
import { signatureHeader, signWebhook } from "../webhook-signature.ts";
import type { FakeStore, Webhook } from "./fake-store.ts";

export type SenderOptions = { name: string; store: FakeStore; url: string; secrets: readonly string[]; log: Log };

/** Sends webhooks that are due, each again after a growing pause until it is accepted. */
export function startWebhookSender({
  name,
  store,
  url,
  secrets,
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
          if (await send(webhook, { url, secrets, signal })) {
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
  { url, secrets, signal }: { url: string; secrets: readonly string[]; signal: AbortSignal },
): Promise<boolean> {
  try {
    const response = await fetch(url, {
      method: "POST",
      body,
      headers: {
        "content-type": "application/json",
        [signatureHeader]: signWebhook(Buffer.from(body), secrets, new Date()),
      },
      signal: AbortSignal.any([signal, AbortSignal.timeout(5_000)]),
    });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

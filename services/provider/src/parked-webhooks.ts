import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { actorMessage, currentActor } from "@sagacart/chassis/auth/actor";
import { DomainError } from "@sagacart/chassis/errors";
import { decodeIdToken, nextIdToken, pageSize } from "@sagacart/chassis/postgres/page";
import type { Pool } from "@sagacart/chassis/postgres/pool";
import { shorten } from "@sagacart/chassis/shorten";
import { type ParkedWebhook, ParkedWebhookSchema } from "@sagacart/proto/type/v1/parked_webhook";
import { asObject, matching, parseObject } from "./json.ts";
import { listParked, type Parked, releaseParked } from "./parked-store.ts";
import { webhookReasons } from "./reasons.ts";

/** The ways for operators to end the wait of webhooks of one provider that could not be applied. */
export type ParkedWebhooks = {
  list(page: { pageSize: number; pageToken: string }): Promise<{ webhooks: ParkedWebhook[]; nextPageToken: string }>;
  /** Tries a webhook again. Throws WEBHOOK_NOT_FOUND. */
  retry(id: string): Promise<ParkedWebhook>;
  /** Gives a webhook up. Throws WEBHOOK_NOT_FOUND. */
  dismiss(id: string, reason: string): Promise<ParkedWebhook>;
};

/** `onRetry` is called when a webhook is due again. */
export function parkedWebhooks(options: { pool: Pool; provider: string; onRetry: () => void }): ParkedWebhooks {
  const { pool, provider, onRetry } = options;

  async function release(id: string, dismissal: string | undefined): Promise<ParkedWebhook> {
    const webhook = await releaseParked(pool, { provider, id, actor: currentActor(), dismissal });
    if (webhook === undefined) {
      throw new DomainError(webhookReasons, "WEBHOOK_NOT_FOUND", `no webhook ${id} waits to be applied`, {
        webhook_id: id,
      });
    }
    return webhookMessage(webhook);
  }

  return {
    async list({ pageSize: asked, pageToken }) {
      const name = `parked webhooks of ${provider}`;
      const limit = pageSize(asked);
      const afterId = decodeIdToken(pageToken, name, /^[A-Za-z0-9._~-]{1,100}$/);
      const webhooks = await listParked(pool, { provider, afterId, limit });
      return { webhooks: webhooks.map(webhookMessage), nextPageToken: nextIdToken(webhooks, limit, name) };
    },
    async retry(id) {
      const webhook = await release(id, undefined);
      onRetry();
      return webhook;
    },
    dismiss: (id, reason) => release(id, reason),
  };
}

/** A page of the longest bodies stays below the size of a message. */
const shownBody = 2_000;

function webhookMessage({ id, body, error, tries, receiveTime, parkTime, actor }: Parked): ParkedWebhook {
  const event = parseObject(body);
  const by = actorMessage(actor.actor_kind, actor.actor_id);
  return create(ParkedWebhookSchema, {
    id,
    type: matching(event?.type, /^[a-z_.]{1,100}$/) ?? "",
    key: matching(asObject(event?.data)?.key, /^[A-Za-z0-9._~-]{1,100}$/) ?? "",
    body: shorten(new TextDecoder().decode(body), shownBody),
    error,
    tries,
    receiveTime: timestampFromDate(receiveTime),
    ...(parkTime === undefined ? {} : { parkTime: timestampFromDate(parkTime) }),
    ...(by === undefined ? {} : { actor: by }),
  });
}

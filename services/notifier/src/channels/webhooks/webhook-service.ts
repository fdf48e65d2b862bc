import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationMs, timestampDate, timestampFromDate, timestampNow } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import { decodeIdToken, encodePageToken, nextIdToken, pageSize } from "@sagacart/chassis/postgres/page";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { fingerprintOf, once } from "@sagacart/chassis/postgres/request-ids";
import { uuidv7 } from "@sagacart/chassis/uuid";
import { type Event, EventSchema } from "@sagacart/proto/event/v1/event";
import type { WebhookRequestSchema } from "@sagacart/proto/notifier/v1/webhook";
import {
  CreateWebhookEndpointRequestSchema,
  CreateWebhookEndpointResponseSchema,
  DeleteWebhookEndpointResponseSchema,
  GetWebhookDeliveryResponseSchema,
  GetWebhookEndpointResponseSchema,
  ListWebhookDeliveriesResponseSchema,
  ListWebhookEndpointsResponseSchema,
  ResendWebhookDeliveriesResponseSchema,
  ResendWebhookDeliveryResponseSchema,
  RotateWebhookSecretRequestSchema,
  RotateWebhookSecretResponseSchema,
  TestWebhookEndpointResponseSchema,
  UpdateWebhookEndpointResponseSchema,
  type WebhookService,
} from "@sagacart/proto/notifier/v1/webhook_service";
import { attemptOf, contentOf, isSuccess, send } from "./delivering.ts";
import type { Delivery } from "./delivery.ts";
import { findDelivery, findEvent, listAttempts, listDeliveries, reviveDeliveries } from "./delivery-store.ts";
import { createEndpoint, editEndpoint, removeEndpoint, rotateSecret } from "./edit-endpoint.ts";
import type { Endpoint } from "./endpoint.ts";
import { readContent, readUpdate } from "./endpoint-request.ts";
import { findEndpoint, listEndpoints } from "./endpoint-store.ts";
import type { Poster } from "./post.ts";
import { deliveryNotFound, endpointDisabled, endpointNotFound, reasons } from "./reasons.ts";
import { findFirstSecret, findPresentSecret, findSecrets } from "./secret-store.ts";
import type { UrlRules } from "./url.ts";
import { attemptMessage, deliveryMessage, endpointMessage, stateOf } from "./wire.ts";

export type ServiceOptions = {
  pool: Pool;
  poster: Poster;
  urlRules: UrlRules;
  /** The time limit for an endpoint's answer. */
  timeoutMs: number;
  /** Called when there may be deliveries to send. */
  onDeliveries: () => void;
};

/** Creates the RPC handlers of WebhookService. */
export function webhookService(options: ServiceOptions): ServiceImpl<typeof WebhookService> {
  const { pool, poster, urlRules, timeoutMs, onDeliveries } = options;
  return {
    async createWebhookEndpoint(request) {
      const content = await readContent(request.endpoint, urlRules);
      const fingerprint = fingerprintOf(CreateWebhookEndpointRequestSchema, request, { without: ["request_id"] });
      const keyed = { scope, requestId: request.requestId, method: "CreateWebhookEndpoint", fingerprint };
      const { resourceId: id } = await once(pool, keyed, async (tx) => {
        const id = request.endpoint?.id || uuidv7();
        await createEndpoint(tx, id, content);
        return id;
      });
      const endpoint = endpointMessage(await getEndpoint(pool, id), new Date());
      return create(CreateWebhookEndpointResponseSchema, { endpoint, secret: await findFirstSecret(pool, id) });
    },
    async getWebhookEndpoint({ id }) {
      const endpoint = endpointMessage(await getEndpoint(pool, id), new Date());
      return create(GetWebhookEndpointResponseSchema, { endpoint });
    },
    async listWebhookEndpoints({ pageToken, ...page }) {
      const limit = pageSize(page.pageSize);
      const endpoints = await listEndpoints(pool, { afterId: decodeIdToken(pageToken, list), limit: limit + 1 });
      const shown = endpoints.slice(0, limit);
      const last = endpoints.length > limit ? shown.at(-1) : undefined;
      return create(ListWebhookEndpointsResponseSchema, {
        endpoints: shown.map((endpoint) => endpointMessage(endpoint, new Date())),
        nextPageToken: last === undefined ? "" : encodePageToken([last.id], list),
      });
    },
    async updateWebhookEndpoint({ endpoint, updateMask }) {
      const update = await readUpdate(endpoint, updateMask?.paths ?? [], urlRules);
      await withTransaction(pool, (tx) => editEndpoint(tx, update));
      onDeliveries();
      const changed = endpointMessage(await getEndpoint(pool, update.id), new Date());
      return create(UpdateWebhookEndpointResponseSchema, { endpoint: changed });
    },
    async deleteWebhookEndpoint(request) {
      // With a backlog this may take longer than the call's deadline; a repeated call continues.
      while (!(await withTransaction(pool, (tx) => removeEndpoint(tx, request)))) {}
      return create(DeleteWebhookEndpointResponseSchema);
    },
    async rotateWebhookSecret(request) {
      const { endpointId } = request;
      const overlapMs = request.overlap === undefined ? dayMs : durationMs(request.overlap);
      const fingerprint = fingerprintOf(RotateWebhookSecretRequestSchema, request, { without: ["request_id"] });
      const keyed = { scope, requestId: request.requestId, method: "RotateWebhookSecret", fingerprint };
      const { resourceId } = await once(pool, keyed, (tx) => rotateSecret(tx, { endpointId, overlapMs }));
      const { secret, previousExpireTime } = await findPresentSecret(pool, resourceId);
      return create(RotateWebhookSecretResponseSchema, {
        secret,
        ...(previousExpireTime === null ? {} : { previousExpireTime: timestampFromDate(previousExpireTime) }),
      });
    },
    async testWebhookEndpoint({ endpointId }) {
      const endpoint = await getEndpoint(pool, endpointId);
      const secrets = await findSecrets(pool, endpointId);
      const time = new Date();
      // Answer before the caller's deadline.
      const limits = { poster, timeoutMs: Math.min(timeoutMs, 8_000) };
      const answer = await send(limits, { endpoint, id: uuidv7(), event: ping(endpoint), secrets, time });
      return create(TestWebhookEndpointResponseSchema, {
        attempt: attemptMessage(attemptOf(1, time, answer)),
        delivered: isSuccess(answer),
      });
    },
    async getWebhookDelivery({ id }) {
      const delivery = await getDelivery(pool, id);
      const attempts = await listAttempts(pool, id);
      const request = await requestOf(pool, delivery);
      return create(GetWebhookDeliveryResponseSchema, { delivery: deliveryMessage(delivery, attempts, request) });
    },
    async listWebhookDeliveries({ endpointId, subject, state, ...page }) {
      const limit = pageSize(page.pageSize);
      const list = `webhooks to ${endpointId}, ${subject}, ${state}`;
      const beforeId = decodeIdToken(page.pageToken, list);
      const filter = { endpointId, subject, state: stateOf(state), beforeId, limit };
      const deliveries = await listDeliveries(pool, filter);
      return create(ListWebhookDeliveriesResponseSchema, {
        deliveries: deliveries.map((delivery) => deliveryMessage(delivery)),
        nextPageToken: nextIdToken(deliveries, limit, list),
      });
    },
    async resendWebhookDelivery({ id }) {
      const { state, endpointId } = await getDelivery(pool, id);
      if (state === "DEAD") {
        refuseDisabled(await getEndpoint(pool, endpointId));
        await reviveDeliveries(pool, { id });
      }
      const delivery = await getDelivery(pool, id);
      if (state === "DELIVERED") {
        throw new DomainError(reasons, "WEBHOOK_DELIVERED", `webhook ${id} was delivered and cannot be resent`, {
          delivery_id: id,
        });
      }
      onDeliveries();
      return create(ResendWebhookDeliveryResponseSchema, { delivery: deliveryMessage(delivery) });
    },
    async resendWebhookDeliveries({ endpointId, since }) {
      refuseDisabled(await getEndpoint(pool, endpointId));
      const from = since === undefined ? undefined : timestampDate(since);
      const count = await reviveDeliveries(pool, { endpointId, since: from, limit: resendLimit });
      onDeliveries();
      return create(ResendWebhookDeliveriesResponseSchema, { count, more: count === resendLimit });
    },
  };
}

// The scope of request ids: endpoints belong to the shop, not to a caller.
const scope = "webhooks";
const list = "webhook endpoints";
const resendLimit = 1_000;
const dayMs = 86_400_000;

async function getEndpoint(pool: Pool, id: string): Promise<Endpoint> {
  const endpoint = await findEndpoint(pool, id);
  if (endpoint === undefined) {
    throw endpointNotFound(id);
  }
  return endpoint;
}

/** Makes the request of a delivery as it is sent now, without its time and signature; undefined if its endpoint is gone. */
async function requestOf(
  pool: Pool,
  { id, endpointId }: Delivery,
): Promise<MessageInitShape<typeof WebhookRequestSchema> | undefined> {
  const [endpoint, event] = await Promise.all([findEndpoint(pool, endpointId), findEvent(pool, id)]);
  if (endpoint === undefined || event === undefined) {
    return undefined;
  }
  const { headers, body } = contentOf(endpoint.contentMode, event);
  return { url: endpoint.url, headers: { ...headers, "webhook-id": id }, body };
}

async function getDelivery(pool: Pool, id: string): Promise<Delivery> {
  const delivery = await findDelivery(pool, id);
  if (delivery === undefined) {
    throw deliveryNotFound(id);
  }
  return delivery;
}

function refuseDisabled({ id, enabled, disabledReason }: Endpoint): void {
  if (!enabled) {
    throw endpointDisabled(id, disabledReason);
  }
}

function ping({ id }: Endpoint): Event {
  return create(EventSchema, {
    id: uuidv7(),
    source: "/sagacart/notifier",
    type: "sagacart.webhook.ping.v1",
    subject: id,
    sequence: 1n,
    time: timestampNow(),
    data: JSON.stringify({ endpointId: id }),
  });
}

import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { DomainError } from "@sagacart/chassis/errors";
import { decodeIdToken, nextIdToken, pageSize } from "@sagacart/chassis/postgres/page";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import { refuseNamedTwice } from "@sagacart/chassis/rpc/named-twice";
import {
  BatchCreateShipmentsResponseSchema,
  CancelShipmentResponseSchema,
  CreateShipmentResponseSchema,
  DismissParkedWebhookResponseSchema,
  GetShipmentResponseSchema,
  ListParkedWebhooksResponseSchema,
  ListShipmentsResponseSchema,
  ReceiveWebhookResponseSchema,
  RetryParkedWebhookResponseSchema,
  RetryRecallResponseSchema,
  type ShippingService,
} from "@sagacart/proto/shipping/v1/shipping_service";
import type { WebhookInbox } from "@sagacart/provider/webhook-inbox";
import { requestRecalls } from "../carrier/recall-store.ts";
import { reasons } from "../reasons.ts";
import type { CancelShipment } from "./cancel-shipment.ts";
import type { CreateShipments, Outcome } from "./create-shipments.ts";
import type { Shipment } from "./shipment.ts";
import { outcomeMessage, shipmentMessage } from "./shipment-messages.ts";
import { findShipment, listShipments } from "./shipment-store.ts";

export type ShippingServiceOptions = {
  pool: Pool;
  createShipments: CreateShipments;
  cancelShipment: CancelShipment;
  inbox: Pick<WebhookInbox, "receive" | "parked">;
};

/** Implements ShippingService. */
export function shippingService(options: ShippingServiceOptions): ServiceImpl<typeof ShippingService> {
  const { pool, createShipments, cancelShipment, inbox } = options;
  return {
    async batchCreateShipments({ items }) {
      refuseNamedTwice(
        "items",
        items.map(({ orderId }) => orderId),
      );
      const outcomes = await createShipments(items);
      return create(BatchCreateShipmentsResponseSchema, {
        outcomes: outcomes.map((outcome, index) => outcomeMessage(items[index]?.orderId ?? "", outcome)),
      });
    },
    async createShipment(request) {
      for (const outcome of await createShipments([request])) {
        refuse(request.orderId, outcome);
      }
      return create(CreateShipmentResponseSchema, {
        shipment: shipmentMessage(await get(pool, request.orderId, request.customerId)),
      });
    },
    async cancelShipment({ orderId }, { signal }) {
      return create(CancelShipmentResponseSchema, { shipment: shipmentMessage(await cancelShipment(orderId, signal)) });
    },
    async retryRecall({ orderId }) {
      if ((await get(pool, orderId, "")).recallRefusal !== "") {
        await withTransaction(pool, (tx) => requestRecalls(tx, [orderId], 0));
      }
      return create(RetryRecallResponseSchema, { shipment: shipmentMessage(await get(pool, orderId, "")) });
    },
    async getShipment({ orderId, customerId }) {
      return create(GetShipmentResponseSchema, { shipment: shipmentMessage(await get(pool, orderId, customerId)) });
    },
    async listShipments(request) {
      const list = `shipments of ${request.customerId}`;
      const afterOrderId = decodeIdToken(request.pageToken, list);
      const limit = pageSize(request.pageSize);
      const shipments = await listShipments(pool, { customerId: request.customerId, afterOrderId, limit });
      return create(ListShipmentsResponseSchema, {
        shipments: shipments.map(shipmentMessage),
        nextPageToken: nextIdToken(
          shipments.map(({ orderId }) => ({ id: orderId })),
          limit,
          list,
        ),
      });
    },
    async receiveWebhook(request) {
      await inbox.receive(request);
      return create(ReceiveWebhookResponseSchema);
    },
    async listParkedWebhooks(request) {
      return create(ListParkedWebhooksResponseSchema, await inbox.parked.list(request));
    },
    async retryParkedWebhook({ id }) {
      return create(RetryParkedWebhookResponseSchema, { webhook: await inbox.parked.retry(id) });
    },
    async dismissParkedWebhook({ id, reason }) {
      return create(DismissParkedWebhookResponseSchema, { webhook: await inbox.parked.dismiss(id, reason) });
    },
  };
}

async function get(pool: Pool, orderId: string, customerId: string): Promise<Shipment> {
  const shipment = await findShipment(pool, orderId);
  if (shipment === undefined || (customerId !== "" && shipment.customerId !== customerId)) {
    const message = `order ${orderId} has no shipment`;
    throw new DomainError(reasons, "SHIPMENT_NOT_FOUND", message, { order_id: orderId });
  }
  return shipment;
}

/** Throws the error of an intent that was refused. In a batch it is an outcome. */
function refuse(orderId: string, outcome: Outcome): void {
  switch (outcome.kind) {
    case "accepted":
    case "waits":
      return;
    case "refused": {
      const message = `the carrier refuses the shipment of order ${orderId}: ${outcome.reason}`;
      const metadata = { order_id: orderId, refusal_reason: outcome.reason };
      throw new DomainError(reasons, "SHIPMENT_REFUSED", message, metadata);
    }
    case "cancelled": {
      const message = `the shipment of order ${orderId} was cancelled before`;
      throw new DomainError(reasons, "SHIPMENT_CANCELLED", message, { order_id: orderId });
    }
    case "differs": {
      const message = `order ${orderId} has a shipment of another customer or to another address`;
      throw new DomainError(reasons, "SHIPMENT_DIFFERS", message, { order_id: orderId });
    }
    default:
      outcome satisfies never;
  }
}

import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { NotifierService } from "@sagacart/proto/notifier/v1/notifier_service";
import { WebhookService } from "@sagacart/proto/notifier/v1/webhook_service";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";
import { expect, test } from "vitest";
import { callBy } from "../call.ts";
import { loadRecords } from "./load-records.ts";

function shop({ stockDown = false, order = true }: { stockDown?: boolean; order?: boolean } = {}) {
  return callBy(
    createRouterTransport(({ service }) => {
      service(OrderService, {
        getOrder: ({ id }) => {
          if (!order) {
            throw new ConnectError("there is no such order", Code.NotFound);
          }
          return { order: { id }, changes: [{ sequence: 1n }] };
        },
        listOrderRefunds: () => ({ refunds: [{ id: "r" }] }),
      });
      service(StockService, {
        getReservation: () => {
          throw new ConnectError("no answer", stockDown ? Code.Unavailable : Code.NotFound);
        },
      });
      service(PaymentService, {
        listPayments: () => ({ payments: [{ id: "p-1" }, { id: "p-2" }] }),
        listRefunds: () => ({ refunds: [] }),
        listDisputes: () => ({ disputes: [] }),
      });
      service(AccountService, {
        listJournalEntries: ({ paymentId }) => ({ entries: [{ id: `entry of ${paymentId}` }] }),
      });
      service(ShippingService, { getShipment: ({ orderId }) => ({ shipment: { orderId } }) });
      service(NotifierService, { listMessages: ({ orderId }) => ({ messages: [{ id: `about ${orderId}` }] }) });
      service(WebhookService, { listWebhookDeliveries: ({ subject }) => ({ deliveries: [{ subject }] }) });
      service(IncidentService, { listIncidents: () => ({ incidents: [] }) });
    }),
  );
}

test("everything about an order is read, with the journal of each of its payments", async () => {
  const { records, missing } = await loadRecords(shop(), "o-1");
  expect(missing).toEqual([]);
  expect(records.order.id).toBe("o-1");
  expect(records.entries?.map(({ id }) => id)).toEqual(["entry of p-1", "entry of p-2"]);
  expect(records.messages?.[0]?.id).toBe("about o-1");
  expect(records.deliveries?.[0]?.subject).toBe("o-1");
  expect(records.shipment?.orderId).toBe("o-1");
});

test("a reservation that does not exist is not missing, but one that cannot be read is, and the rest is there", async () => {
  expect((await loadRecords(shop(), "o-1")).records.reservation).toBeUndefined();

  const { records, missing } = await loadRecords(shop({ stockDown: true }), "o-1");
  expect(missing.map(({ part }) => part)).toEqual(["stock"]);
  expect(records.payments).toHaveLength(2);
});

test("an order that does not exist is a failure", async () => {
  const error: unknown = await loadRecords(shop({ order: false }), "o-1").catch((thrown: unknown) => thrown);
  expect(ConnectError.from(error).code).toBe(Code.NotFound);
});

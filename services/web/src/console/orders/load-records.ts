import { Code, ConnectError } from "@connectrpc/connect";
import { NotifierService } from "@sagacart/proto/notifier/v1/notifier_service";
import { WebhookService } from "@sagacart/proto/notifier/v1/webhook_service";
import { IncidentService } from "@sagacart/proto/order/v1/incident_service";
import { OrderService } from "@sagacart/proto/order/v1/order_service";
import { AccountService } from "@sagacart/proto/payment/v1/account_service";
import { PaymentService } from "@sagacart/proto/payment/v1/payment_service";
import { ShippingService } from "@sagacart/proto/shipping/v1/shipping_service";
import { StockService } from "@sagacart/proto/stock/v1/stock_service";
import type { Call } from "../call.ts";
import { PageError } from "../page-error.ts";
import { pageErrorTexts } from "../page-error-texts.ts";
import type { OrderRecords } from "../timeline.ts";
import type { ordersTexts } from "./orders-texts.ts";

/** The records of all services about an order, and the parts that could not be read, for example because a service is away. */
export type LoadedRecords = {
  readonly records: OrderRecords;
  readonly missing: readonly { readonly part: RecordPart; readonly error: unknown }[];
};

/** A part of what is known about an order. Its word has the same key. */
type RecordPart = keyof (typeof ordersTexts)["en"]["parts"];

const pageSize = 200;

/** Reads what all services know about an order. Throws only if the order itself cannot be read. */
export async function loadRecords(call: Call, orderId: string): Promise<LoadedRecords> {
  const { order, changes } = await call(OrderService.method.getOrder, { id: orderId });
  if (order === undefined) {
    const { en, de } = pageErrorTexts;
    throw new PageError({ en: en.noOrderInAnswer(orderId), de: de.noOrderInAnswer(orderId) }, Code.Internal);
  }
  const missing: { part: RecordPart; error: unknown }[] = [];
  const part = async <T>(name: RecordPart, read: Promise<T>): Promise<T | undefined> => {
    try {
      return await read;
    } catch (error) {
      // A sold-out order has no shipment, and one that was never reserved has no reservation.
      if (ConnectError.from(error).code !== Code.NotFound) {
        missing.push({ part: name, error });
      }
      return undefined;
    }
  };
  const readPayments = async () => {
    const { payments } = await call(PaymentService.method.listPayments, { orderId, pageSize });
    const entries = part(
      "journal",
      Promise.all(
        payments.map(({ id }) => call(AccountService.method.listJournalEntries, { paymentId: id, pageSize })),
      ),
    );
    return { payments, entries: (await entries)?.flatMap((answer) => answer.entries) };
  };
  const [reservation, money, refunds, orderRefunds, disputes, shipment, messages, deliveries, incidents] =
    await Promise.all([
      part("stock", call(StockService.method.getReservation, { id: orderId })),
      part("payments", readPayments()),
      part("refunds", call(PaymentService.method.listRefunds, { orderId, pageSize })),
      part("orderRefunds", call(OrderService.method.listOrderRefunds, { orderId })),
      part("disputes", call(PaymentService.method.listDisputes, { orderId, pageSize })),
      part("shipping", call(ShippingService.method.getShipment, { orderId })),
      part("messages", call(NotifierService.method.listMessages, { orderId, pageSize })),
      part("webhooks", call(WebhookService.method.listWebhookDeliveries, { subject: orderId, pageSize })),
      part("incidents", call(IncidentService.method.listIncidents, { orderId, pageSize })),
    ]);
  return {
    records: {
      order,
      changes,
      reservation: reservation?.reservation,
      payments: money?.payments,
      entries: money?.entries,
      refunds: refunds?.refunds,
      orderRefunds: orderRefunds?.refunds,
      disputes: disputes?.disputes,
      shipment: shipment?.shipment,
      messages: messages?.messages,
      deliveries: deliveries?.deliveries,
      incidents: incidents?.incidents,
    },
    missing,
  };
}

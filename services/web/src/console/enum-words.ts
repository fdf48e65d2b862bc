import { Factor_Kind } from "@sagacart/proto/identity/v1/factor";
import { Message_Channel, Message_State } from "@sagacart/proto/notifier/v1/message";
import {
  WebhookDelivery_State,
  WebhookEndpoint_Circuit,
  WebhookEndpoint_ContentMode,
} from "@sagacart/proto/notifier/v1/webhook";
import { Incident_State } from "@sagacart/proto/order/v1/incident";
import { Order_State, OrderRefund_State } from "@sagacart/proto/order/v1/order";
import {
  Dispute_State,
  Payment_Kind,
  Payment_State,
  Refund_Source,
  Refund_State,
} from "@sagacart/proto/payment/v1/payment";
import { Shipment_State } from "@sagacart/proto/shipping/v1/shipment";
import { Reservation_Kind, Reservation_State } from "@sagacart/proto/stock/v1/reservation";
import { Movement_Reason } from "@sagacart/proto/stock/v1/stock_service";
import { stateName } from "../shop/order-texts.ts";

/** An enum as it is generated: its names and their numbers. */
export type Enum = Readonly<Record<string, number>>;

/** Returns the German word for a value of an enum, by its name; undefined for one that this page is older than. */
export function germanWord(values: Enum, name: string): string | undefined {
  return words.get(values)?.[name];
}

/** Pairs an enum with its words: the compiler checks that each of its values has one. */
function german<E extends Enum>(
  values: E,
  ofValues: Readonly<Record<Exclude<keyof E, "UNSPECIFIED">, string>>,
): readonly [Enum, Readonly<Record<string, string>>] {
  return [values, ofValues];
}

/** Those of an order's states are the shop's own. English has none: the contract's names are words of it. */
const words: ReadonlyMap<Enum, Readonly<Record<string, string>>> = new Map([
  [Order_State, Object.fromEntries(Object.entries(Order_State).map(([name, value]) => [name, stateName(value, "de")]))],
  german(OrderRefund_State, { PENDING: "Ausstehend", SUCCEEDED: "Ausgeführt", FAILED: "Gescheitert" }),
  german(Incident_State, { OPEN: "Offen", RESOLVED: "Erledigt" }),
  german(Payment_State, {
    PENDING: "Ausstehend",
    CAPTURED: "Eingezogen",
    DECLINED: "Abgelehnt",
    VOIDED: "Aufgehoben",
  }),
  german(Payment_Kind, { ORDER: "Für eine Bestellung", MANUAL: "Von Hand" }),
  german(Refund_State, {
    PENDING: "Ausstehend",
    SUCCEEDED: "Ausgeführt",
    FAILED: "Gescheitert",
    REFUSED: "Verweigert",
  }),
  german(Refund_Source, { SHOP: "Shop", UNDO: "Rückabwicklung", PROVIDER: "Kartendienstleister", HAND: "Von Hand" }),
  german(Dispute_State, { OPEN: "Offen", WON: "Gewonnen", LOST: "Verloren" }),
  german(Shipment_State, {
    PENDING: "Ausstehend",
    ACCEPTED: "Angenommen",
    REFUSED: "Abgelehnt",
    CANCELLED: "Storniert",
  }),
  german(Reservation_State, {
    HELD: "Befristet reserviert",
    PINNED: "Fest reserviert",
    COMMITTED: "Verkauft",
    RELEASED: "Freigegeben",
    EXPIRED: "Verfallen",
    REFUSED: "Abgelehnt",
  }),
  german(Reservation_Kind, { ORDER: "Für eine Bestellung", MANUAL: "Von Hand" }),
  german(Movement_Reason, {
    RECEIPT: "Wareneingang",
    CORRECTION: "Korrektur",
    RETURN: "Rückgabe",
    SALE: "Verkauf",
  }),
  german(Message_State, {
    PENDING: "Ausstehend",
    SENT: "Gesendet",
    FAILED: "Gescheitert",
    SUPPRESSED: "Unterdrückt",
  }),
  german(Message_Channel, { EMAIL: "E-Mail", INBOX: "Posteingang" }),
  german(WebhookDelivery_State, { PENDING: "Ausstehend", DELIVERED: "Zugestellt", DEAD: "Unzustellbar" }),
  german(WebhookEndpoint_Circuit, { CLOSED: "Geschlossen", OPEN: "Offen", HALF_OPEN: "Halb offen" }),
  german(WebhookEndpoint_ContentMode, { STRUCTURED: "Strukturiert", BINARY: "Binär" }),
  german(Factor_Kind, { TOTP: "TOTP", PASSKEY: "Passkey" }),
]);

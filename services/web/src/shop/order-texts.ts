import { Order_State } from "@sagacart/proto/order/v1/order";
import type { Language, Texts } from "../i18n/language.tsx";
import type { TimelineEntry } from "./timeline.ts";
import type { Watched } from "./watch-order.ts";

export type OrderTexts = {
  readonly title: string;
  readonly progress: string;
  readonly contents: string;
  readonly connection: Readonly<Record<Watched["connection"], string>>;
  readonly signIn: string;
  readonly steps: Readonly<Record<TimelineEntry["what"], string>>;
  readonly status: Readonly<Record<TimelineEntry["status"], string>>;
  readonly short: (title: string, requested: number, available: number) => string;
  readonly attempt: (attempt: number, method: string) => string;
  readonly declined: (why: string) => string;
  readonly nothingToGiveBack: string;
  readonly givenBack: string;
  readonly tracking: (number: string) => string;
  readonly sold: string;
  readonly released: string;
  readonly paid: (total: string) => string;
  readonly nothingKept: string;
  readonly refunded: (amount: string) => string;
  readonly disputed: string;
  readonly cancel: string;
  readonly pay: string;
  readonly payUntil: (time: string) => string;
  readonly payNow: (total: string) => string;
  readonly total: string;
  readonly pickUp: string;
  readonly shipTo: string;
  readonly workflow: string;
  readonly trace: string;
  readonly mails: (email: string) => string;
  readonly messages: string;
  readonly noMessages: string;
};

export const orderTexts: Texts<OrderTexts> = {
  en: {
    title: "Order",
    progress: "Progress",
    contents: "What was ordered",
    connection: {
      connecting: "Connecting …",
      live: "Live: this page follows the order as it goes.",
      lost: "The connection is lost. The order goes on; this page reconnects by itself.",
      ended: "This order is final.",
      failed: "This page cannot follow the order.",
    },
    signIn: "Sign in to see this order",
    steps: {
      placed: "Placed",
      reserve: "Reserve the stock",
      charge: "Take the payment",
      ship: "Ship it",
      "undo-charge": "Give back the payment",
      "undo-reserve": "Release the stock",
      end: "End",
    },
    status: {
      done: "done",
      doing: "under way",
      waiting: "waits for you",
      todo: "later",
      refused: "refused",
      skipped: "not done",
    },
    short: (title, requested, available) => `${title}: ${requested} ordered, ${available} left.`,
    attempt: (attempt, method) => `Attempt ${attempt}: ${method}`,
    declined: (why) => `Declined: ${why}.`,
    nothingToGiveBack: "Nothing to give back",
    givenBack: "The charge is voided, or what was taken is paid back.",
    tracking: (number) => `Tracking number ${number}`,
    sold: "The stock is sold and on its way to you.",
    released: "Nothing is reserved for this order any more.",
    paid: (total) => `${total} was paid.`,
    nothingKept: "Nothing was charged, or all of it was paid back.",
    refunded: (amount) => `${amount} of it was paid back.`,
    disputed: "Its payment is disputed.",
    cancel: "Cancel this order",
    pay: "Pay",
    payUntil: (time) => `The stock is reserved for you until ${time}.`,
    payNow: (total) => `Pay ${total} now`,
    total: "Total",
    pickUp: "You pick it up.",
    shipTo: "Ship to",
    workflow: "Temporal workflow",
    trace: "Trace",
    mails: (email) => `Messages about this order go to ${email}.`,
    messages: "Messages",
    noMessages: "There are no messages about this order yet.",
  },
  de: {
    title: "Bestellung",
    progress: "Verlauf",
    contents: "Was bestellt wurde",
    connection: {
      connecting: "Verbindung wird aufgebaut …",
      live: "Live: Diese Seite folgt der Bestellung.",
      lost: "Die Verbindung ist weg. Die Bestellung läuft weiter; diese Seite verbindet sich von selbst wieder.",
      ended: "Diese Bestellung ist beendet.",
      failed: "Diese Seite kann der Bestellung nicht folgen.",
    },
    signIn: "Anmelden, um diese Bestellung zu sehen",
    steps: {
      placed: "Aufgegeben",
      reserve: "Ware reservieren",
      charge: "Zahlung einziehen",
      ship: "Verschicken",
      "undo-charge": "Zahlung zurückgeben",
      "undo-reserve": "Ware freigeben",
      end: "Ende",
    },
    status: {
      done: "erledigt",
      doing: "läuft",
      waiting: "wartet auf Sie",
      todo: "später",
      refused: "abgelehnt",
      skipped: "entfällt",
    },
    short: (title, requested, available) => `${title}: ${requested} bestellt, ${available} da.`,
    attempt: (attempt, method) => `Versuch ${attempt}: ${method}`,
    declined: (why) => `Abgelehnt: ${why}.`,
    nothingToGiveBack: "Nichts zurückzugeben",
    givenBack: "Die Belastung wird aufgehoben oder das Eingezogene zurückgezahlt.",
    tracking: (number) => `Sendungsnummer ${number}`,
    sold: "Die Ware ist verkauft und unterwegs zu Ihnen.",
    released: "Für diese Bestellung ist nichts mehr reserviert.",
    paid: (total) => `${total} wurden bezahlt.`,
    nothingKept: "Es wurde nichts abgebucht oder alles zurückgezahlt.",
    refunded: (amount) => `${amount} davon wurden zurückgezahlt.`,
    disputed: "Die Zahlung wird bestritten.",
    cancel: "Bestellung stornieren",
    pay: "Bezahlen",
    payUntil: (time) => `Die Ware ist bis ${time} für Sie reserviert.`,
    payNow: (total) => `Jetzt ${total} bezahlen`,
    total: "Summe",
    pickUp: "Sie holen es ab.",
    shipTo: "Lieferung an",
    workflow: "Temporal-Workflow",
    trace: "Ablaufverfolgung (Trace)",
    mails: (email) => `Nachrichten zu dieser Bestellung gehen an ${email}.`,
    messages: "Nachrichten",
    noMessages: "Zu dieser Bestellung gibt es noch keine Nachrichten.",
  },
};

/** Returns the word for a state; its number if this page is older than the contract. */
export function stateName(state: Order_State, language: Language): string {
  return stateNames[language][state] ?? String(state);
}

const stateNames: Readonly<Record<Language, Readonly<Record<number, string>>>> = {
  en: {
    [Order_State.UNSPECIFIED]: "Unknown",
    [Order_State.PENDING]: "Pending",
    [Order_State.RESERVED]: "Reserved",
    [Order_State.AWAITING_PAYMENT]: "Awaiting payment",
    [Order_State.PAID]: "Paid",
    [Order_State.SHIPPING]: "Shipping",
    [Order_State.COMPLETED]: "Completed",
    [Order_State.CANCELLING]: "Being undone",
    [Order_State.REJECTED]: "Rejected",
    [Order_State.CANCELLED]: "Cancelled",
    [Order_State.EXPIRED]: "Expired",
  },
  de: {
    [Order_State.UNSPECIFIED]: "Unbekannt",
    [Order_State.PENDING]: "Angenommen",
    [Order_State.RESERVED]: "Reserviert",
    [Order_State.AWAITING_PAYMENT]: "Wartet auf Zahlung",
    [Order_State.PAID]: "Bezahlt",
    [Order_State.SHIPPING]: "Im Versand",
    [Order_State.COMPLETED]: "Abgeschlossen",
    [Order_State.CANCELLING]: "Wird rückgängig gemacht",
    [Order_State.REJECTED]: "Abgelehnt",
    [Order_State.CANCELLED]: "Storniert",
    [Order_State.EXPIRED]: "Verfallen",
  },
};

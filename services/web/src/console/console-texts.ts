import type { Texts } from "../i18n/language.tsx";

/** The forms of a text with a number, for which `#` stands. */
export type Plural = { readonly one: string; readonly other: string };

/** The texts of a part of the console by their keys. What a text is given is ready to be shown: its number or date is formatted. */
export type Catalogue = {
  readonly [key: string]: string | Plural | ((...given: readonly string[]) => string) | Catalogue;
};

/**
 * Makes the texts of a part of the console: its own, and those that many parts have. German has what English has, which the
 * compiler checks.
 */
export function consoleTexts<T extends Catalogue>(own: { readonly en: T; readonly de: NoInfer<T> }): Texts<Common & T> {
  return { en: { ...commonTexts.en, ...own.en }, de: { ...commonTexts.de, ...own.de } };
}

/** Begins a German word that stands within a sentence: those of states are participles and adjectives. */
export function withinSentence(word: string): string {
  return `${word.slice(0, 1).toLowerCase()}${word.slice(1)}`;
}

const english = {
  console: "Console",
  reading: (what: string) => `Reading ${what}`,
  readingPage: "Reading the page",
  none: "None.",
  any: "Any",
  search: "Search",
  firstPage: "First page",
  nextPage: "Next page",
  emptyPage: "Nothing on this page; there may be more on the next.",
  readAgain: "Read again",
  noSuchPage: "There is no page at this address.",
  andMore: (count: string) => `and ${count} more`,
  by: "By",
  byWhom: (who: string) => `by ${who}`,
  yes: "yes",

  id: "Id",
  name: "Name",
  state: "State",
  kind: "Kind",
  reason: "Reason",
  error: "Error",
  lastError: "Last error",
  version: "Version",
  language: "Language",
  description: "Description",
  actions: "Actions",
  created: "Created",
  changed: "Changed",
  recorded: "Recorded",
  time: "Time",
  attempt: "Attempt",
  attempts: "Attempts",
  workflow: "Workflow",

  order: "Order",
  orders: "Orders",
  orderId: "Order id",
  customer: "Customer",
  customerId: "Customer id",
  cart: "Cart",
  product: "Product",
  products: "Products",
  productId: "Product id",
  title: "Title",
  sku: "SKU",
  price: "Price",
  currency: "Currency",
  quantity: "Quantity",
  reservations: "Reservations",
  reserved: "Reserved",

  amount: "Amount",
  amountIn: (currency: string) => `Amount in ${currency}`,
  payment: "Payment",
  payments: "Payments",
  paymentId: "Payment id",
  paymentMethod: "Payment method",
  customersBalance: "the customer's balance",
  declined: "Declined",
  paidBack: "Paid back",
  refund: "Refund",
  refunds: "Refunds",
  disputes: "Disputes",
  journal: "Journal",

  event: "Event",
  events: "Events",
  subject: "Subject",
  recipient: "Recipient",
  to: "To",
  endpoint: "Endpoint",
  deliveries: "Deliveries",
  sent: "Sent",
  messages: "Messages",
  edit: "Edit",
  delete: "Delete",
  email: "Email",
  address: "Address",
  process: "Process",
  trace: "Trace",
  service: "Service",
  duration: "Duration",
  lastUsed: "Last used",
  sendAgain: "Send again",
  nextAttempt: "Next attempt",
};

type Common = typeof english;

const german: Common = {
  console: "Konsole",
  reading: (what) => `Wird gelesen: ${what}`,
  readingPage: "Wird gelesen: die Seite",
  none: "Keine.",
  any: "Alle",
  search: "Suchen",
  firstPage: "Erste Seite",
  nextPage: "Nächste Seite",
  emptyPage: "Auf dieser Seite ist nichts; auf der nächsten kann noch etwas sein.",
  readAgain: "Noch einmal lesen",
  noSuchPage: "Unter dieser Adresse gibt es keine Seite.",
  andMore: (count) => `und ${count} weitere`,
  by: "Von",
  byWhom: (who) => `von ${who}`,
  yes: "ja",

  id: "Id",
  name: "Name",
  state: "Zustand",
  kind: "Art",
  reason: "Grund",
  error: "Fehler",
  lastError: "Letzter Fehler",
  version: "Version",
  language: "Sprache",
  description: "Beschreibung",
  actions: "Aktionen",
  created: "Angelegt",
  changed: "Geändert",
  recorded: "Gebucht",
  time: "Zeit",
  attempt: "Versuch",
  attempts: "Versuche",
  workflow: "Workflow",

  order: "Bestellung",
  orders: "Bestellungen",
  orderId: "Bestell-Id",
  customer: "Kunde",
  customerId: "Kunden-Id",
  cart: "Warenkorb",
  product: "Produkt",
  products: "Produkte",
  productId: "Produkt-Id",
  title: "Titel",
  sku: "SKU",
  price: "Preis",
  currency: "Währung",
  quantity: "Anzahl",
  reservations: "Reservierungen",
  reserved: "Reserviert",

  amount: "Betrag",
  amountIn: (currency) => `Betrag in ${currency}`,
  payment: "Zahlung",
  payments: "Zahlungen",
  paymentId: "Zahlungs-Id",
  paymentMethod: "Zahlungsart",
  customersBalance: "Guthaben des Kunden",
  declined: "Abgelehnt",
  paidBack: "Zurückgezahlt",
  refund: "Erstattung",
  refunds: "Erstattungen",
  disputes: "Anfechtungen",
  journal: "Journal",

  event: "Ereignis",
  events: "Ereignisse",
  subject: "Betreff",
  recipient: "Empfänger",
  to: "An",
  endpoint: "Endpunkt",
  deliveries: "Zustellungen",
  sent: "Gesendet",
  messages: "Nachrichten",
  edit: "Bearbeiten",
  delete: "Löschen",
  email: "E-Mail",
  address: "Adresse",
  process: "Prozess",
  trace: "Ablaufverfolgung (Trace)",
  service: "Dienst",
  duration: "Dauer",
  lastUsed: "Zuletzt verwendet",
  sendAgain: "Noch einmal senden",
  nextAttempt: "Nächster Versuch",
};

/** The texts that many parts of the console have. */
export const commonTexts: Texts<Common> = { en: english, de: german };

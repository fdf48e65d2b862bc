import { consoleTexts } from "../console-texts.ts";

export const breakTexts = consoleTexts({
  en: {
    title: "Break it",
    onlyOperators: "Only operators can do this, and only where the card provider and the carrier are simulated.",
    explanation: (customer: string) =>
      `Places orders for a customer of its own, ${customer}, whose payment or shipment goes wrong in a given way. Watch them under way on the page Now, then look at an order's timeline.`,
    fault: "Fault",
    faultsLabel: "Faults",
    whatHappens: "What happens",
    postalCode: "Postal code",
    pickedUp: "none, picked up",
    place: "Place",
    placeOrders: (fault: string) => `Place orders: ${fault}`,
    placed: (fault: string, orders: string) => `${fault}: ${orders} placed`,
    allOrders: (customer: string) => `all orders of ${customer}`,
    faults: {
      none: { name: "None", does: "Charged and shipped." },
      declined: { name: "Declined", does: "The card is declined; the stock is given back." },
      slow: { name: "Slow", does: "The card is charged after 3 seconds." },
      lostAnswer: {
        name: "Lost answer",
        does: "The card is charged, but the answer never comes. It is asked for again with the same key, and charged once.",
      },
      lateAnswer: { name: "Late answer", does: "Accepted now, decided 5 seconds later by a webhook." },
      toldTwice: { name: "Told twice", does: "The provider's webhook comes twice; it counts once." },
      providerDown: { name: "Provider down", does: "The card provider is unavailable for the first tries." },
      carrierRefuses: {
        name: "Carrier refuses",
        does: "The carrier refuses the shipment: the charge is paid back and the stock given back.",
      },
      carrierLate: {
        name: "Carrier answers late",
        does: "The carrier takes the shipment, and answers after its deadline.",
      },
    },
  },
  de: {
    title: "Störungen",
    onlyOperators:
      "Das können nur Betreiber, und nur dort, wo der Kartendienstleister und der Paketdienst simuliert sind.",
    explanation: (customer) =>
      `Gibt Bestellungen für einen eigenen Kunden auf, ${customer}, deren Zahlung oder Versand auf eine bestimmte Weise misslingt. Verfolgen Sie sie auf der Seite „Jetzt“, und sehen Sie sich dann den Verlauf einer Bestellung an.`,
    fault: "Störung",
    faultsLabel: "Störungen",
    whatHappens: "Was geschieht",
    postalCode: "Postleitzahl",
    pickedUp: "keine, wird abgeholt",
    place: "Bestellen",
    placeOrders: (fault) => `Bestellen: ${fault}`,
    placed: (fault, orders) => `${fault}: ${orders} aufgegeben`,
    allOrders: (customer) => `alle Bestellungen von ${customer}`,
    faults: {
      none: { name: "Keine", does: "Wird bezahlt und verschickt." },
      declined: { name: "Abgelehnt", does: "Die Karte wird abgelehnt; die Ware wird wieder frei." },
      slow: { name: "Langsam", does: "Die Karte wird nach 3 Sekunden belastet." },
      lostAnswer: {
        name: "Antwort verloren",
        does: "Die Karte wird belastet, aber die Antwort kommt nie an. Es wird mit demselben Schlüssel noch einmal gefragt und einmal belastet.",
      },
      lateAnswer: { name: "Späte Antwort", does: "Jetzt angenommen, 5 Sekunden später per Webhook entschieden." },
      toldTwice: {
        name: "Doppelt gemeldet",
        does: "Der Webhook des Kartendienstleisters kommt zweimal; er zählt einmal.",
      },
      providerDown: {
        name: "Kartendienstleister gestört",
        does: "Der Kartendienstleister ist bei den ersten Versuchen nicht erreichbar.",
      },
      carrierRefuses: {
        name: "Paketdienst lehnt ab",
        does: "Der Paketdienst lehnt die Sendung ab: Die Zahlung wird zurückgezahlt, und die Ware wird wieder frei.",
      },
      carrierLate: {
        name: "Paketdienst antwortet spät",
        does: "Der Paketdienst nimmt die Sendung an und antwortet nach Ablauf der Frist.",
      },
    },
  },
});

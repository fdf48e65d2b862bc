import { consoleTexts } from "../console-texts.ts";

export const moneyTexts = consoleTexts({
  en: {
    accounts: "Accounts",
    noAccount: "No customer has an account yet.",
    balance: "Balance",
    opened: "Opened",
    openAccount: "Open an account",
    currencyHint: "Empty for the shop's.",
    accountOf: (customer: string) => `Account of ${customer}`,
    deposit: "Deposit",
    depositExplanation: (currency: string) =>
      `Adds money to this balance in ${currency}, by a journal entry that names you.`,
    theAccount: "the account",
    ordersOfCustomer: "Orders of this customer",
    statement: "Statement",
    noPosting: "Nothing was posted to this account yet.",
    entry: "Entry",

    journalExplanation: "Every movement of money. Entries are never changed, and the lines of each sum to zero.",
    noEntry: "No entry matches.",
    from: "From",
    toAccounts: "To",
    entryOf: (id: string) => `Journal entry ${id}`,
    theEntry: "the entry",
    lines: "Lines",
    account: "Account",

    noPayment: "No payment matches.",
    method: "Method",
    byBalance: "balance",
    paymentOf: (id: string) => `Payment ${id}`,
    refundPayment: (most: string) => `Up to ${most} can be paid back. An order's own page tells its customer more.`,
    thePayment: "the payment",
    disputed: "Disputed",
    charge: "The provider's charge",
    calls: "Calls to the provider",
    createdBy: "Created by",
    entriesOfPayment: "Entries of this payment",

    noRefund: "No refund matches.",
    source: "Source",
    disputesExplanation:
      "Charges that a customer's bank takes back, until the card provider decides. They are answered at the provider.",
    noDispute: "No dispute matches.",
    dispute: "Dispute",

    askAgain: "Ask the provider again",
    askAgainExplanation: "The card provider is asked again for this refund.",
    settle: "Settle by hand",
    settleExplanation: "Records that the customer was paid back another way. Do that first; the ledger then says so.",
    settleReason: "How and why the customer was paid",
  },
  de: {
    accounts: "Konten",
    noAccount: "Noch hat kein Kunde ein Konto.",
    balance: "Guthaben",
    opened: "Eröffnet",
    openAccount: "Konto eröffnen",
    currencyHint: "Leer für die des Shops.",
    accountOf: (customer) => `Konto von ${customer}`,
    deposit: "Einzahlen",
    depositExplanation: (currency) =>
      `Erhöht dieses Guthaben in ${currency} durch eine Buchung, in der Ihr Name steht.`,
    theAccount: "das Konto",
    ordersOfCustomer: "Bestellungen dieses Kunden",
    statement: "Kontoauszug",
    noPosting: "Auf diesem Konto wurde noch nichts gebucht.",
    entry: "Buchung",

    journalExplanation:
      "Jede Bewegung von Geld. Buchungen werden nie geändert, und die Zeilen einer jeden ergeben zusammen null.",
    noEntry: "Keine Buchung entspricht der Suche.",
    from: "Von Konto",
    toAccounts: "Auf Konto",
    entryOf: (id) => `Buchung ${id}`,
    theEntry: "die Buchung",
    lines: "Zeilen",
    account: "Konto",

    noPayment: "Keine Zahlung entspricht der Suche.",
    method: "Zahlungsart",
    byBalance: "Guthaben",
    paymentOf: (id) => `Zahlung ${id}`,
    refundPayment: (most) =>
      `Bis zu ${most} lassen sich zurückzahlen. Auf der Seite einer Bestellung erfährt der Kunde mehr darüber.`,
    thePayment: "die Zahlung",
    disputed: "Angefochten",
    charge: "Belastung beim Kartendienstleister",
    calls: "Anfragen an den Kartendienstleister",
    createdBy: "Angelegt von",
    entriesOfPayment: "Buchungen dieser Zahlung",

    noRefund: "Keine Erstattung entspricht der Suche.",
    source: "Quelle",
    disputesExplanation:
      "Belastungen, die die Bank eines Kunden zurückbucht, bis der Kartendienstleister entscheidet. Beantwortet werden sie dort.",
    noDispute: "Keine Anfechtung entspricht der Suche.",
    dispute: "Anfechtung",

    askAgain: "Kartendienstleister noch einmal fragen",
    askAgainExplanation: "Der Kartendienstleister wird noch einmal um diese Erstattung gebeten.",
    settle: "Von Hand ausgleichen",
    settleExplanation:
      "Vermerkt, dass der Kunde sein Geld auf anderem Weg bekommen hat. Tun Sie das zuerst; danach steht es im Hauptbuch.",
    settleReason: "Wie und warum der Kunde sein Geld bekommen hat",
  },
});

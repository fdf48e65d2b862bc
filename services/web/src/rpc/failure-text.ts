import { Code } from "@connectrpc/connect";
import type { Texts } from "../i18n/language.tsx";
import { type Failure, isTransient } from "./failure.ts";

/** A sentence for each reason that a customer can meet. All others show the service's own sentence. */
type Sentences = {
  readonly byReason: Readonly<Record<string, (metadata: Readonly<Record<string, string>>) => string>>;
  readonly unreachable: string;
  readonly tooMany: string;
};

const texts: Texts<Sentences> = {
  en: {
    byReason: {
      ADDRESS_NOT_FOUND: () => "There is no such address any more.",
      CART_CHECKING_OUT: () => "This cart is being checked out and cannot be changed until its order ends.",
      CART_CLOSED: () => "This cart has been bought, merged or deleted. Your next product starts a new one.",
      CART_EMPTY: () => "The cart is empty.",
      CART_LIMIT: () => "That is more than a cart can hold: 100 products, and 1,000,000 of each.",
      CART_NOT_FOUND: () => "There is no such cart any more.",
      CONTACT_DIFFERS: () =>
        "This order was made with another e-mail address than that of your account, so it cannot be added.",
      CURRENCY_MISMATCH: () => "All products of a cart must have prices in one currency.",
      ETAG_MISMATCH: () =>
        "This has been changed elsewhere in the meantime. Please look at it again first; close a form and open it anew.",
      NOT_CANCELLABLE: () => "This order can no longer be cancelled.",
      NOT_CLAIMABLE: () => "This order can be added to your account once it has ended.",
      NOT_PAYABLE: () => "This order does not await a payment any more.",
      ORDER_NOT_FOUND: () => "There is no such order, or it belongs to somebody else.",
      PRICE_CHANGED: () => "A price has changed since you saw the total. Please look at the new total before you buy.",
      PRODUCT_NOT_FOUND: () => "This product is no longer sold.",
      TOO_MANY_ATTEMPTS: () => "This order has had 20 attempts to pay, which is the most that there can be.",
      TOO_MANY_ADDRESSES: () => "There are 100 addresses, which is the most that there can be. Delete one first.",
      USER_CHANGED: () => "Somebody else has signed in with this browser, so this was not done.",
    },
    unreachable: "The shop cannot be reached at the moment. Nothing is lost; please try again.",
    tooMany: "That was too much at once. Please wait a moment and try again.",
  },
  de: {
    byReason: {
      ADDRESS_NOT_FOUND: () => "Diese Adresse gibt es nicht mehr.",
      CART_CHECKING_OUT: () =>
        "Dieser Warenkorb wird gerade bestellt und lässt sich erst ändern, wenn die Bestellung beendet ist.",
      CART_CLOSED: () =>
        "Dieser Warenkorb ist gekauft, zusammengeführt oder gelöscht. Das nächste Produkt beginnt einen neuen.",
      CART_EMPTY: () => "Der Warenkorb ist leer.",
      CART_LIMIT: () => "So viel passt nicht in einen Warenkorb: 100 Produkte, und je 1.000.000 Stück.",
      CART_NOT_FOUND: () => "Diesen Warenkorb gibt es nicht mehr.",
      CONTACT_DIFFERS: () =>
        "Diese Bestellung hat eine andere E-Mail-Adresse als Ihr Konto und lässt sich darum nicht hinzufügen.",
      CURRENCY_MISMATCH: () => "Alle Produkte eines Warenkorbs müssen Preise in derselben Währung haben.",
      ETAG_MISMATCH: () =>
        "Das wurde inzwischen anderswo geändert. Bitte sehen Sie es noch einmal an; schließen Sie ein Formular und öffnen Sie es neu.",
      NOT_CANCELLABLE: () => "Diese Bestellung lässt sich nicht mehr stornieren.",
      NOT_CLAIMABLE: () => "Diese Bestellung lässt sich Ihrem Konto hinzufügen, sobald sie beendet ist.",
      NOT_PAYABLE: () => "Diese Bestellung wartet nicht mehr auf eine Zahlung.",
      ORDER_NOT_FOUND: () => "Diese Bestellung gibt es nicht, oder sie gehört jemand anderem.",
      PRICE_CHANGED: () =>
        "Ein Preis hat sich geändert, seit Sie die Summe gesehen haben. Bitte prüfen Sie die neue Summe.",
      PRODUCT_NOT_FOUND: () => "Dieses Produkt wird nicht mehr verkauft.",
      TOO_MANY_ATTEMPTS: () => "Für diese Bestellung gab es schon 20 Zahlungsversuche; mehr sind nicht möglich.",
      TOO_MANY_ADDRESSES: () => "Es gibt 100 Adressen; mehr sind nicht möglich. Löschen Sie zuerst eine.",
      USER_CHANGED: () => "In diesem Browser hat sich jemand anderes angemeldet; darum wurde das nicht ausgeführt.",
    },
    unreachable: "Der Shop ist gerade nicht erreichbar. Nichts ist verloren; bitte versuchen Sie es noch einmal.",
    tooMany: "Das war zu viel auf einmal. Bitte warten Sie einen Moment und versuchen Sie es noch einmal.",
  },
};

/** Returns sentences that say what failed and name the fields at fault. `names` are the page's words for the fields. */
export function failureTexts(
  failure: Failure,
  language: keyof typeof texts,
  names: Readonly<Record<string, string>> = {},
): readonly string[] {
  const { byReason, unreachable, tooMany } = texts[language];
  const sentence = byReason[failure.reason];
  if (sentence !== undefined) {
    return [sentence(failure.metadata)];
  }
  if (failure.violations.length > 0) {
    return failure.violations.map(({ field, description }) => `${names[field] ?? field}: ${description}`);
  }
  if (failure.reason === "" && isTransient(failure)) {
    return [unreachable];
  }
  return [failure.code === Code.ResourceExhausted && failure.reason === "" ? tooMany : failure.message];
}

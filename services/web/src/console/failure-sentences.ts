import type { Language } from "../i18n/language.tsx";
import { failureOf } from "../rpc/failure.ts";
import { failureTexts } from "../rpc/failure-text.ts";

/**
 * Sentences for the reasons that staff meet, beside those that the shop has. The service's own sentence, which is in English,
 * has the details and is shown below. In English it is enough.
 */
export const failureSentences: Readonly<Record<Language, Readonly<Record<string, string>>>> = {
  en: {},
  de: {
    ACCOUNT_NOT_FOUND: "Dieses Konto gibt es nicht.",
    AUDIT_NOT_FOUND: "Diese Prüfung gibt es nicht, oder sie wird nicht mehr aufbewahrt.",
    BAD_AMOUNT: "Dieser Betrag ist hier nicht möglich.",
    BAD_PAGE_TOKEN: "Diese Seite der Liste gibt es nicht. Beginnen Sie bei der ersten.",
    BALANCE_LIMIT: "Mehr Guthaben ist auf diesem Konto nicht möglich.",
    CARRIER_UNAVAILABLE: "Der Paketdienst ist gerade nicht erreichbar.",
    CONSUMER_NOT_FOUND: "Diesen Consumer gibt es nicht.",
    CONSUMER_REPLAYED: "Dieser Consumer wurde inzwischen schon zurückgesetzt.",
    CONTENTION: "Andere Aufrufe haben gleichzeitig dasselbe geändert. Bitte versuchen Sie es noch einmal.",
    CUSTOMER_ERASED:
      "Dieses Kundenkonto wurde mit seinen Daten gelöscht; unter dieser Id wird nichts Neues aufbewahrt.",
    DATABASE_TIMEOUT: "Die Datenbank hat zu lange gebraucht.",
    DATABASE_UNAVAILABLE: "Die Datenbank ist gerade nicht erreichbar.",
    DEADLINE_EXCEEDED: "Die Antwort kam nicht rechtzeitig. Ob es ausgeführt wurde, ist nicht bekannt.",
    DISPUTE_NOT_FOUND: "Diese Anfechtung gibt es nicht.",
    EMPTY_FIELD: "Dieses Feld darf nicht leer sein.",
    FACTOR_NOT_FOUND: "Diesen zweiten Faktor gibt es nicht.",
    INCIDENT_NOT_FOUND: "Diesen Vorfall gibt es nicht.",
    INCIDENT_NOT_RETRYABLE: "Bei diesem Vorfall muss ein Mensch entscheiden; ein neuer Versuch hilft nicht.",
    INCIDENT_RESOLVED: "Dieser Vorfall ist schon erledigt.",
    INSUFFICIENT_STOCK: "So viel ist nicht verfügbar.",
    INTERNAL: "Im Shop ist ein Fehler aufgetreten. Das Log hat die Ursache.",
    JOURNAL_ENTRY_NOT_FOUND: "Diese Buchung gibt es nicht.",
    LAST_OPERATOR: "Der letzte Betreiber kann seine Rolle nicht verlieren und nicht gelöscht werden.",
    LOAD_NOT_RUNNING: "Es läuft keine Last.",
    LOAD_RUNNING: "Es läuft schon eine Last. Halten Sie sie an, oder warten Sie auf ihr Ende.",
    MAIL_NOT_FOUND: "Diese Mail ist nicht im Postfach.",
    MESSAGE_NOT_FOUND: "Diese Nachricht gibt es nicht.",
    MESSAGE_SENT: "Diese Nachricht ist schon gesendet.",
    MESSAGE_SUPPRESSED: "Diese Nachricht wird unterdrückt und nicht noch einmal gesendet.",
    MONEY_OUT_OF_RANGE: "Dieser Betrag ist zu groß.",
    NOT_REFUNDABLE: "Diese Bestellung ist nicht abgeschlossen; darum lässt sich nichts erstatten.",
    OPERATOR_PASSWORD_TOO_SHORT:
      "Das Passwort dieser Person ist für Betreiber nicht gut genug. Sie muss es zuerst ändern.",
    OUT_OF_STOCK: "So viel ist nicht verfügbar.",
    OVERLOADED: "Der Dienst ist überlastet. Bitte versuchen Sie es gleich noch einmal.",
    PAYMENT_NOT_CAPTURED: "Diese Zahlung ist nicht eingezogen.",
    PAYMENT_NOT_FOUND: "Diese Zahlung gibt es nicht.",
    POSITION_BEYOND_HEAD: "Diese Position liegt hinter dem Ende des Feeds.",
    PROCESS_NOT_FOUND: "Diesen Prozess gibt es nicht.",
    PROCESS_NOT_RUNNING: "Dieser Prozess läuft nicht; er wird gerade gestartet.",
    PRODUCT_EXISTS: "Ein anderes Produkt hat diese Id oder SKU.",
    PRODUCT_RESERVED: "Von diesem Produkt ist etwas reserviert.",
    REFUND_NOT_FOUND: "Diese Erstattung gibt es nicht.",
    REFUND_NOT_REFUSED: "Diese Erstattung ist nicht verweigert; es gibt nichts zu entscheiden.",
    REFUND_TOO_HIGH: "Die Erstattungen wären höher als das, was noch übrig ist.",
    REPLAY_NOT_BACK: "Ein Consumer lässt sich nur zurücksetzen, nicht vorstellen.",
    REQUEST_ID_REUSED: "Mit diesem Schlüssel wurde schon etwas anderes aufgerufen.",
    RESERVATION_COMMITTED: "Diese Reservierung ist schon verkauft.",
    RESERVATION_EXPIRED: "Diese Reservierung ist verfallen.",
    RESERVATION_NOT_FOUND: "Diese Reservierung gibt es nicht.",
    RESERVATION_RELEASED: "Diese Reservierung ist schon freigegeben.",
    ROLE_REQUIRED: "Ihre Rolle erlaubt das nicht.",
    SCOPE_REQUIRED: "Diese Anwendung darf das nicht.",
    SETTLEMENT_TOO_HIGH: "Der Betrag ist höher als die Erstattung.",
    SHIPMENT_NOT_FOUND: "Diese Sendung gibt es nicht.",
    SHIPMENT_NOT_GIVEN_BACK: "Der Paketdienst gibt die Sendung nicht zurück.",
    SHIPMENT_ON_ITS_WAY: "Die Sendung ist schon unterwegs.",
    SHUTTING_DOWN: "Der Dienst wird gerade beendet. Bitte versuchen Sie es gleich noch einmal.",
    STOCK_CHANGED: "Der Bestand hat sich geändert, seit Sie gezählt haben.",
    STOCK_LIMIT: "So viel Bestand ist nicht möglich.",
    TEMPLATE_CHANGED: "Es gibt eine neuere Fassung dieser Vorlage. Laden Sie sie, und ändern Sie sie noch einmal.",
    TEMPLATE_INVALID: "Diese Vorlage enthält einen Fehler.",
    TEMPLATE_NOT_FOUND: "Diese Vorlage gibt es nicht.",
    TOKEN_EXPIRED: "Ihre Anmeldung ist abgelaufen. Bitte melden Sie sich noch einmal an.",
    TOKEN_INVALID: "Ihre Anmeldung gilt nicht mehr. Bitte melden Sie sich noch einmal an.",
    TOKEN_MISSING: "Sie sind nicht angemeldet.",
    TOKEN_REVOKED: "Ihre Anmeldung wurde beendet. Bitte melden Sie sich noch einmal an.",
    TOO_MANY_REQUESTS: "Es laufen zu viele Aufrufe gleichzeitig. Bitte versuchen Sie es gleich noch einmal.",
    TOO_MANY_WEBHOOK_ENDPOINTS: "Es gibt 200 Endpunkte; mehr sind nicht möglich. Löschen Sie zuerst einen.",
    TRACES_UNAVAILABLE: "Das Programm, das die Traces aufbewahrt, ist nicht erreichbar.",
    UNAVAILABLE: "Der Dienst ist gerade nicht erreichbar.",
    UNKNOWN_FIELD: "Dieses Feld lässt sich nicht ändern.",
    USER_NOT_FOUND: "Diese Person gibt es nicht.",
    WEBHOOK_DELIVERED: "Dieses Ereignis ist schon zugestellt.",
    WEBHOOK_DELIVERY_NOT_FOUND: "Diese Zustellung gibt es nicht.",
    WEBHOOK_ENDPOINT_DISABLED: "An diesen Endpunkt wird nicht gesendet. Schalten Sie ihn zuerst ein.",
    WEBHOOK_ENDPOINT_EXISTS: "Diese Id hat schon ein anderer Endpunkt.",
    WEBHOOK_ENDPOINT_NOT_FOUND: "Diesen Endpunkt gibt es nicht.",
    WEBHOOK_URL_REFUSED: "An diese URL wird nicht gesendet.",
  },
};

/** Says what a call failed with in one line, where there is no room for an alert of its own. */
export function failureLine(error: unknown, language: Language): string {
  const failure = failureOf(error);
  const own = failureSentences[language][failure.reason];
  // In English the services' own sentences say more than those for customers.
  const sentences = language === "en" ? [failure.message] : failureTexts(failure, language);
  return [...(own === undefined ? [] : [own]), ...sentences].join(" ");
}

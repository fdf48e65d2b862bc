import type { CardDashboard } from "../demo/card-dashboard.ts";
import type { AuditedDatabase } from "../shop.ts";
import type { Recorder } from "./recorder.ts";

/** The things that the scenes work with. Each scene calls the operations of one part of the API, good requests only. */
export type Scene = {
  readonly call: Recorder["call"];
  /** The access token of the operator, who is also support. */
  readonly admin: string;
  /** The access token of the customer with money. */
  readonly alice: string;
  /** The gateway's URL, as a browser sees it. */
  readonly origin: string;
  readonly dashboard: CardDashboard;
  /** The keys with which the providers outside sign their webhooks. */
  readonly webhookSecrets: Readonly<Record<"card" | "carrier", string>>;
  /** The URL of a program that takes in webhooks. */
  readonly receiverUrl: string;
  /** Runs SQL in a database: to have happen at once what takes hours, such as the last try of many. */
  readonly hasten: (database: AuditedDatabase, sql: string, values: readonly unknown[]) => Promise<void>;
};

export const usd = (minorUnits: number) => ({ currencyCode: "USD", minorUnits: `${minorUnits}` });

export const home = {
  recipient: "Ada Lovelace",
  line1: "12 St James's Square",
  city: "London",
  postalCode: "SW1Y 4JH",
  countryCode: "GB",
};

export const mouse = { productId: "product.mouse", quantity: 1 };

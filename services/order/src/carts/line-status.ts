import type { Amount } from "@sagacart/chassis/money";
import type { CartLine } from "./cart.ts";
import type { Quotes } from "./quote.ts";

/** The availability of a line in its quantity. */
export type LineAvailability = "AVAILABLE" | "FEWER_LEFT" | "SOLD_OUT" | "GONE";

/** Changes of a line's product since the line was last changed. */
export type LineStatus = {
  /** undefined if the quantity that is left is not known. */
  readonly availability: LineAvailability | undefined;
  /** The quantity that can be bought. */
  readonly available: number | undefined;
  /** The price of now, if it is another one. */
  readonly newPrice: Amount | undefined;
};

/** Compares a line with the catalogue. The quotes must be the answer to a question for its product. */
export function lineStatus(line: CartLine, quotes: Quotes): LineStatus {
  const quote = quotes.get(line.productId);
  if (quote === undefined) {
    return { availability: "GONE", available: 0, newPrice: undefined };
  }
  const { currency, priceMinor, available } = quote;
  const isSamePrice = currency === line.currency && priceMinor === line.unitPriceMinor;
  return {
    availability: available === undefined ? undefined : availabilityOf(line.quantity, available),
    available,
    newPrice: isSamePrice ? undefined : { currencyCode: currency, minorUnits: priceMinor },
  };
}

function availabilityOf(quantity: number, available: number): LineAvailability {
  if (available >= quantity) {
    return "AVAILABLE";
  }
  return available > 0 ? "FEWER_LEFT" : "SOLD_OUT";
}

import type { OrderFacts } from "../intake/order-event.ts";
import type { Language } from "../messages/kind.ts";
import { type Circumstances, type Variables, variablesOf } from "./variables.ts";

/** Returns sample data with every field set, for previews. */
export function fullSample(language: Language): Variables {
  return variablesOf(everything, { ...circumstances, language });
}

/** Returns the full sample for a customer and a cart of this name. */
export function namedSample(language: Language, name: string): Variables {
  return variablesOf({ ...everything, cartName: name }, { ...circumstances, language, name });
}

/** Returns sample data with mandatory fields only. */
export function bareSample(language: Language): Variables {
  const bare = { ...everything, ...nothing, orderId: "1042" };
  return variablesOf(bare, { ...circumstances, language, name: "", unsubscribeUrl: "" });
}

/** Returns sample data of an order that did not come about, and of what is known about its money. */
export function endedSample(language: Language, payBack: OrderFacts["payBack"]): Variables {
  return variablesOf({ ...everything, payBack }, { ...circumstances, language });
}

/** Returns sample data of the largest size that an event may have. */
export function largestSample(language: Language): Variables {
  const text = "W".repeat(200);
  const lines = Array.from({ length: 100 }, (_, index) => ({
    productId: `product-${index}`,
    title: text,
    quantity: 1_000_000,
    unitPrice: { currencyCode: "EUR", minorUnits: 999_999_999n },
  }));
  const shortages = lines.map(({ productId }) => ({ productId, requested: 1_000_000, available: 0 }));
  const largest = { ...everything, cartName: text, detail: text, lines, shortages };
  return variablesOf(largest, { ...circumstances, language, name: text });
}

const nothing = {
  total: undefined,
  lines: [],
  shortages: [],
  cartName: "",
  hasCart: false,
  reason: "",
  detail: "",
  source: "",
  disputeId: "",
  trackingNumber: "",
  payBack: undefined,
  expireTime: undefined,
};

const everything: OrderFacts = {
  orderId: "1042",
  cartId: "7",
  cartName: "Birthday",
  hasCart: true,
  customerId: "ada",
  total: { currencyCode: "EUR", minorUnits: 161_997n },
  lines: [
    {
      productId: "p1",
      title: "Keyboard <compact>",
      quantity: 2,
      unitPrice: { currencyCode: "EUR", minorUnits: 14_999n },
    },
    { productId: "p2", title: "Laptop & bag", quantity: 1, unitPrice: { currencyCode: "EUR", minorUnits: 131_999n } },
  ],
  reason: "OUT_OF_STOCK",
  detail: "insufficient_funds",
  source: "PROVIDER",
  disputeId: "dp_0000000001",
  shortages: [{ productId: "p1", requested: 2, available: 1 }],
  trackingNumber: "SC0000000001",
  payBack: {
    paidBack: { currencyCode: "EUR", minorUnits: 131_999n },
    settledOtherwise: { currencyCode: "EUR", minorUnits: 29_998n },
  },
  expireTime: new Date("2026-03-02T09:30:00Z"),
  contactEmail: "",
};

const circumstances: Omit<Circumstances, "language"> = {
  name: "Ada",
  shopName: "Sagacart",
  shopUrl: "https://shop.example",
  unsubscribeUrl: "https://shop.example/unsubscribe?token=sample",
  createTime: new Date("2026-03-01T07:15:00Z"),
};

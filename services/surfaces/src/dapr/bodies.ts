/** The request bodies of the Dapr surface: their types, and the schemas that validate them. */
export type CreateOrder = {
  readonly customerId: string;
  readonly items: readonly { readonly productId: string; readonly quantity: number }[];
  readonly paymentMethod?: string;
  readonly address?: Address;
  readonly contactEmail?: string;
  readonly waitSeconds?: number;
};
export type Address = {
  readonly recipient: string;
  readonly line1: string;
  readonly line2?: string;
  readonly city?: string;
  readonly region?: string;
  readonly postalCode?: string;
  readonly countryCode: string;
  readonly phone?: string;
};
export type Reserve = { readonly quantity: number; readonly reservationId?: string };
export type Release = { readonly quantity: number };
export type CreatePayment = {
  readonly customerId: string;
  readonly amount: number;
  readonly currency?: string;
  readonly paymentMethod?: string;
  readonly reference?: string;
};
export type Refund = { readonly amount?: number; readonly currency?: string; readonly reason?: string };

const anId = { type: "string", pattern: "^[A-Za-z0-9._~-]{1,63}$" } as const;
const quantity = { type: "integer", minimum: 1, maximum: 1_000_000 } as const;
const amount = {
  type: "integer",
  minimum: 1,
  maximum: 1_000_000_000_000_000,
  description: "Whole minor units: cents for USD.",
} as const;
const currency = { type: "string", pattern: "^[A-Z]{3}$", description: "The shop's currency if absent." } as const;
const paymentMethod = {
  type: "string",
  maxLength: 100,
  description: "A payment method of the card provider; the customer's balance if absent.",
} as const;

function text(minLength: number, maxLength: number) {
  return { type: "string", minLength, maxLength } as const;
}

function object(required: readonly string[], properties: Readonly<Record<string, object>>) {
  return { type: "object", required, properties, additionalProperties: false } as const;
}

/** The parameter `/:id` of a path. */
export const id = { type: "object", required: ["id"], properties: { id: anId } } as const;

export const createOrder = object(["customerId", "items"], {
  customerId: anId,
  items: {
    type: "array",
    minItems: 1,
    maxItems: 100,
    items: object(["productId", "quantity"], { productId: anId, quantity }),
  },
  paymentMethod,
  address: {
    ...object(["recipient", "line1", "countryCode"], {
      recipient: text(1, 200),
      line1: text(1, 200),
      line2: text(0, 200),
      city: text(0, 100),
      region: text(0, 100),
      postalCode: { type: "string", pattern: "^[A-Za-z0-9 -]{0,16}$" },
      countryCode: { type: "string", pattern: "^[A-Z]{2}$" },
      phone: text(0, 40),
    }),
    description: "Where it is sent, with the fields that its country needs; for pickup if absent.",
  },
  contactEmail: { ...text(3, 254), description: "The address for messages about the order." },
  waitSeconds: {
    type: "integer",
    minimum: 0,
    maximum: 600,
    description: "How long to wait for the final order; 60 if absent.",
  },
});

export const reserve = object(["quantity"], { quantity, reservationId: anId });
export const release = object(["quantity"], { quantity });
export const createPayment = object(["customerId", "amount"], {
  customerId: anId,
  amount,
  currency,
  paymentMethod,
  reference: text(0, 200),
});
export const refund = {
  ...object([], {
    amount: { ...amount, description: "Whole minor units; all that is left of the payment if absent." },
    currency,
    reason: text(0, 500),
  }),
  // The body is optional.
  type: ["object", "null"],
} as const;

/** The states of a cart, as they are stored. */
export type CartState = "OPEN" | "CHECKING_OUT" | "PURCHASED" | "DELETED";

/** A product and how many of it, at the price seen when the line was last changed. */
export type CartLine = {
  readonly productId: string;
  readonly quantity: number;
  readonly sku: string;
  readonly title: string;
  readonly currency: string;
  readonly unitPriceMinor: bigint;
};

/** What a customer means to buy. Its etag is its version. */
export type Cart = {
  readonly id: string;
  readonly customerId: string;
  readonly name: string;
  readonly state: CartState;
  readonly isDefault: boolean;
  readonly version: bigint;
  /** The newest order made of it. */
  readonly orderId: string | undefined;
  /** Why that order failed; "" unless the cart is open again because of it. */
  readonly lastFailureReason: string;
  readonly lines: readonly CartLine[];
  readonly createTime: Date;
  readonly updateTime: Date;
};

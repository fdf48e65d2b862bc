export type RefundState = "PENDING" | "SUCCEEDED" | "FAILED";

/** A refund as it is stored. */
export type Refund = {
  readonly id: string;
  /** Sorts by time. */
  readonly place: string;
  readonly paymentId: string;
  /** Of its payment, as is the customer. */
  readonly orderId: string;
  readonly customerId: string;
  readonly currency: string;
  readonly amountMinor: bigint;
  readonly reason: string;
  readonly state: RefundState;
  readonly failureReason: string;
  /** How often the provider refused what must not fail. */
  readonly refusals: number;
  /** 0: nobody was told to wait for it. */
  readonly asks: number;
  readonly createTime: Date;
  readonly updateTime: Date;
};

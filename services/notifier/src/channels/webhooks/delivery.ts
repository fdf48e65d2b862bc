export type DeliveryState = "PENDING" | "DELIVERED" | "DEAD";

/** The delivery of an event to an endpoint. */
export type Delivery = {
  readonly id: string;
  readonly endpointId: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly subject: string;
  readonly sequence: bigint;
  readonly state: DeliveryState;
  readonly resent: boolean;
  readonly attempts: number;
  readonly lastError: string;
  readonly tryTime: Date | null;
  readonly createTime: Date;
  readonly endTime: Date | null;
};

/** A request of a delivery, with its outcome. */
export type Attempt = {
  readonly number: number;
  readonly time: Date;
  /** The HTTP status; 0 without an answer. */
  readonly status: number;
  readonly durationMs: number;
  readonly error: string;
  readonly answer: string;
};

import type { Channel, Language } from "./kind.ts";

/** A message to a customer about an event, for one channel. */
export type Message = NewMessage & {
  readonly attempts: number;
  readonly createTime: Date;
  readonly sendTime: Date | null;
};

// PENDING → SENT | FAILED | SUPPRESSED; FAILED → PENDING by RetryMessage.
export type State = "PENDING" | "SENT" | "FAILED" | "SUPPRESSED";

/** A message to record. */
export type NewMessage = {
  readonly id: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly orderId: string;
  readonly cartId: string;
  readonly customerId: string;
  readonly channel: Channel;
  readonly recipient: string;
  /** The customer's name; "" if unknown. */
  readonly name: string;
  readonly language: Language;
  readonly templateVersion: number;
  /** The event's data, as written by writeFacts. */
  readonly facts: string;
  readonly state: State;
  /** The error of the last attempt, or why it is SUPPRESSED. */
  readonly lastError: string;
  /** Of the call that caused it, if that is traced. */
  readonly traceparent?: string | undefined;
};

/** The data that a message is rendered from. */
export type MessageData = Pick<
  Message,
  | "id"
  | "eventType"
  | "orderId"
  | "cartId"
  | "customerId"
  | "channel"
  | "name"
  | "language"
  | "templateVersion"
  | "facts"
  | "createTime"
>;

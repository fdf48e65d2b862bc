import type { Channel, Language } from "./kind.ts";

/** What a customer is told of an event, over one channel. */
export type Message = NewMessage & {
  readonly attempts: number;
  readonly createTime: Date;
  readonly sendTime: Date | null;
};

// PENDING → SENT | FAILED | SUPPRESSED; FAILED → PENDING when somebody retries it.
export type State = "PENDING" | "SENT" | "FAILED" | "SUPPRESSED";

/** A message that is about to be recorded. */
export type NewMessage = {
  readonly id: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly orderId: string;
  readonly cartId: string;
  readonly customerId: string;
  readonly channel: Channel;
  readonly recipient: string;
  /** How to address the customer; "" where that is not known. */
  readonly name: string;
  readonly language: Language;
  readonly templateVersion: number;
  /** What happened, as writeFacts writes it. */
  readonly facts: string;
  readonly state: State;
  /** What the last try failed with, or why it is SUPPRESSED. */
  readonly lastError: string;
};

/** What there is to say in a message, before it is written out. */
export type Draft = Pick<
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

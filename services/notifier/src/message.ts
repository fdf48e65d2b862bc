/** What a customer is told of an event. */
export type Message = NewMessage & {
  readonly state: State;
  readonly attempts: number;
  readonly lastError: string;
  readonly createTime: Date;
  readonly sendTime: Date | null;
};

export type State = "PENDING" | "SENT" | "FAILED";

/** A message that is about to be recorded. */
export type NewMessage = {
  readonly id: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly orderId: string;
  readonly customerId: string;
  readonly recipient: string;
  readonly subject: string;
  readonly text: string;
};

export type Contact = { readonly customerId: string; readonly email: string; readonly name: string };

import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import {
  type MailboxMessage,
  MailboxMessageSchema,
  type Message as MessageMessage,
  MessageSchema,
  Message_Channel as WireChannel,
  Message_State as WireState,
} from "@sagacart/proto/notifier/v1/message";
import type { Mail } from "./mailbox.ts";
import type { Message, State } from "./message.ts";

/** A message as it goes over the wire. */
export function messageMessage({ createTime, sendTime, state, ...message }: Message): MessageMessage {
  return create(MessageSchema, {
    ...message,
    channel: WireChannel.EMAIL,
    state: WireState[state],
    createTime: timestampFromDate(createTime),
    ...(sendTime === null ? {} : { sendTime: timestampFromDate(sendTime) }),
  });
}

/** A state that was asked for; "" for any. */
export function stateOf(asked: WireState): State | "" {
  switch (asked) {
    case WireState.PENDING:
      return "PENDING";
    case WireState.SENT:
      return "SENT";
    case WireState.FAILED:
      return "FAILED";
    default:
      return "";
  }
}

/** A mail as it goes over the wire. */
export function mailMessage({ receiveTime, to, ...mail }: Mail): MailboxMessage {
  return create(MailboxMessageSchema, { ...mail, to: [...to], receiveTime: timestampFromDate(receiveTime) });
}

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
import type { Mail } from "../channels/mail/mailbox.ts";
import type { Letter } from "../templates/engine.ts";
import type { Channel } from "./kind.ts";
import type { Message, State } from "./message.ts";

/** A message, written out, as it goes over the wire. */
export function messageMessage(
  { createTime, sendTime, state, channel, facts: _facts, name: _name, ...message }: Message,
  letter: Pick<Letter, "subject" | "text"> & Partial<Letter>,
): MessageMessage {
  const { subject, text, html = "" } = letter;
  return create(MessageSchema, {
    ...message,
    subject,
    text,
    html,
    channel: WireChannel[channel],
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
    case WireState.SUPPRESSED:
      return "SUPPRESSED";
    default:
      return "";
  }
}

/** A channel that was named; undefined for none. */
export function channelOf(asked: WireChannel): Channel | undefined {
  switch (asked) {
    case WireChannel.EMAIL:
      return "EMAIL";
    case WireChannel.INBOX:
      return "INBOX";
    default:
      return undefined;
  }
}

/** A mail as it goes over the wire. */
export function mailMessage({ receiveTime, to, ...mail }: Mail): MailboxMessage {
  return create(MailboxMessageSchema, { ...mail, to: [...to], receiveTime: timestampFromDate(receiveTime) });
}

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
import type { Mail } from "../channels/mail/mail-store.ts";
import type { Rendered } from "../templates/engine.ts";
import type { Channel } from "./kind.ts";
import type { Message, State } from "./message.ts";

/** Converts a rendered message to its proto message. */
export function messageMessage(
  { createTime, sendTime, state, channel, facts: _facts, name: _name, ...message }: Message,
  rendered: Pick<Rendered, "subject" | "text"> & Partial<Rendered>,
): MessageMessage {
  const { subject, text, html = "" } = rendered;
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

/** Converts a requested state; "" matches any. */
export function stateOf(requested: WireState): State | "" {
  switch (requested) {
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

/** Converts a channel; undefined if unspecified. */
export function channelOf(requested: WireChannel): Channel | undefined {
  switch (requested) {
    case WireChannel.EMAIL:
      return "EMAIL";
    case WireChannel.INBOX:
      return "INBOX";
    default:
      return undefined;
  }
}

/** Converts a mail of the mailbox to its proto message. */
export function mailMessage({ receiveTime, to, ...mail }: Mail): MailboxMessage {
  return create(MailboxMessageSchema, { ...mail, to: [...to], receiveTime: timestampFromDate(receiveTime) });
}

import { Code } from "@connectrpc/connect";
import { defineReasons } from "@sagacart/chassis/errors";

/** The error reasons of the notifier, with their status codes. */
export const reasons = defineReasons({
  /** The customer has no contact. */
  CONTACT_NOT_FOUND: Code.NotFound,
  /** The message does not exist, or belongs to another customer. */
  MESSAGE_NOT_FOUND: Code.NotFound,
  /** The message was sent and cannot be retried. */
  MESSAGE_SENT: Code.FailedPrecondition,
  /** The message is suppressed and cannot be retried; the error says why. */
  MESSAGE_SUPPRESSED: Code.FailedPrecondition,
  /** Messages of this kind cannot be turned off for this channel. */
  PREFERENCE_MANDATORY: Code.FailedPrecondition,
  /** There are no messages of this kind for this channel. */
  PREFERENCE_UNKNOWN: Code.InvalidArgument,
  /** There is no template for this event type, language and version. */
  TEMPLATE_NOT_FOUND: Code.NotFound,
  /** The template cannot be compiled or rendered; `field` in the metadata names the part. */
  TEMPLATE_INVALID: Code.InvalidArgument,
  /** There is a newer version of the template. Read it and apply the change again. */
  TEMPLATE_CHANGED: Code.Aborted,
  /** The unsubscribe link is not from this shop or is incomplete. */
  UNSUBSCRIBE_LINK_INVALID: Code.InvalidArgument,
  /** The mailbox has no such mail. */
  MAIL_NOT_FOUND: Code.NotFound,
});

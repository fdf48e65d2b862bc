import { Code } from "@connectrpc/connect";
import { defineReasons } from "@sagacart/chassis/errors";

/** The error reasons of the notifier, with their status codes. */
export const reasons = defineReasons({
  CONTACT_NOT_FOUND: Code.NotFound,
  MESSAGE_NOT_FOUND: Code.NotFound,
  MESSAGE_SENT: Code.FailedPrecondition,
  MESSAGE_SUPPRESSED: Code.FailedPrecondition,
  PREFERENCE_MANDATORY: Code.FailedPrecondition,
  PREFERENCE_UNKNOWN: Code.InvalidArgument,
  TEMPLATE_NOT_FOUND: Code.NotFound,
  TEMPLATE_INVALID: Code.InvalidArgument,
  TEMPLATE_CHANGED: Code.Aborted,
  UNSUBSCRIBE_LINK_INVALID: Code.InvalidArgument,
  MAIL_NOT_FOUND: Code.NotFound,
});

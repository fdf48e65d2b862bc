import { Code } from "@connectrpc/connect";
import { defineReasons } from "@sagacart/chassis/errors";

/** What the notifier fails for. */
export const reasons = defineReasons({
  CONTACT_NOT_FOUND: Code.NotFound,
  MESSAGE_NOT_FOUND: Code.NotFound,
  MESSAGE_SENT: Code.FailedPrecondition,
  MAIL_NOT_FOUND: Code.NotFound,
});

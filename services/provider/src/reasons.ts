import { Code } from "@connectrpc/connect";
import { defineReasons } from "@sagacart/chassis/errors";

/** Why a webhook is refused; a part of the reasons of each service with an inbox. */
export const webhookReasons = defineReasons({
  BAD_SIGNATURE: Code.Unauthenticated,
  BAD_WEBHOOK: Code.InvalidArgument,
  PROVIDER_NOT_FOUND: Code.NotFound,
  WEBHOOK_NOT_FOUND: Code.NotFound,
});

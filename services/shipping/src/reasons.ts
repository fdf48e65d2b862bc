import { Code } from "@connectrpc/connect";
import { defineReasons } from "@sagacart/chassis/errors";
import { webhookReasons } from "@sagacart/provider/reasons";

/** The reasons of shipping's errors. */
export const reasons = defineReasons({
  SHIPMENT_NOT_FOUND: Code.NotFound,
  SHIPMENT_REFUSED: Code.FailedPrecondition,
  SHIPMENT_CANCELLED: Code.FailedPrecondition,
  SHIPMENT_DIFFERS: Code.FailedPrecondition,
  SHIPMENT_ON_ITS_WAY: Code.FailedPrecondition,
  SHIPMENT_NOT_GIVEN_BACK: Code.FailedPrecondition,
  CARRIER_UNAVAILABLE: Code.Unavailable,
  ...webhookReasons,
});

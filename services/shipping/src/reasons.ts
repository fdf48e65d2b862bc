import { Code } from "@connectrpc/connect";
import { defineReasons } from "@sagacart/chassis/errors";

/** What shipping fails for. */
export const reasons = defineReasons({
  SHIPMENT_NOT_FOUND: Code.NotFound,
  SHIPMENT_REFUSED: Code.FailedPrecondition,
  SHIPMENT_CANCELLED: Code.FailedPrecondition,
  SHIPMENT_DIFFERS: Code.FailedPrecondition,
  SHIPMENT_ON_ITS_WAY: Code.FailedPrecondition,
  CARRIER_UNAVAILABLE: Code.Unavailable,
  BAD_SIGNATURE: Code.Unauthenticated,
  BAD_WEBHOOK: Code.InvalidArgument,
  PROVIDER_NOT_FOUND: Code.NotFound,
});

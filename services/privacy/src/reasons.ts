import { Code } from "@connectrpc/connect";
import { defineReasons } from "@sagacart/chassis/errors";

/** The error reasons of every service that deletes personal data. */
export const erasureReasons = defineReasons({
  /** The customer's account was deleted, and their data with it: nothing new is kept under this id. */
  CUSTOMER_ERASED: Code.FailedPrecondition,
});

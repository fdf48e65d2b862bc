import { Code } from "@connectrpc/connect";
import { defineReasons } from "@sagacart/chassis/errors";

/** The reasons of the launcher's errors, with their codes. */
export const reasons = defineReasons({
  /** The launcher has started no process of this name. */
  PROCESS_NOT_FOUND: Code.NotFound,
  /** The process has ended, and is being started again. */
  PROCESS_NOT_RUNNING: Code.FailedPrecondition,
  /** A load runs already. Stop it first, or wait for its end. */
  LOAD_RUNNING: Code.FailedPrecondition,
  /** No load runs. */
  LOAD_NOT_RUNNING: Code.FailedPrecondition,
});

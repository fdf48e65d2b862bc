import { callContext } from "../context.ts";

/** Whether the call may touch what belongs to this customer. */
export function mayTouch(customerId: string): boolean {
  const own = callContext()?.customerId;
  return own === undefined || own === customerId;
}

/**
 * The row, where the call may touch it: another customer's is undefined, like one that is not there, so that the
 * service answers with the very same error.
 */
export function visible<T extends { readonly customerId: string }>(row: T | undefined): T | undefined {
  return row === undefined || mayTouch(row.customerId) ? row : undefined;
}

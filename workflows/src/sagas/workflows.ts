/** The entry of the workflow bundle: each exported function is a workflow, by its name. */
export * from "./checkout.ts";
export * from "./order.ts";
export * from "./refund.ts";
export * from "./synthetic.ts";

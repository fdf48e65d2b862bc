/** What the worker's workflow bundle is made of: each export is a workflow, by its name. */
export * from "./checkout.ts";
export * from "./order.ts";
export * from "./refund.ts";
export * from "./synthetic.ts";

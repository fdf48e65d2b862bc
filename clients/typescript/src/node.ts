import { createConnectTransport } from "@connectrpc/connect-node";
import { createShop, type Shop, type ShopOptions } from "./shop.ts";

export { Code } from "@connectrpc/connect";
export type { Attempts, KeyStorage } from "./attempts.ts";
export { isShopError, type Outcome, ShopError, type Violation } from "./errors.ts";
export type { Reason } from "./reasons.ts";
export type { RetryOptions } from "./retry.ts";
export type { Tokens } from "./session.ts";
export { createShop, type Shop, type ShopOptions } from "./shop.ts";
export { isFinal, type OrderUpdate, type WatchOptions } from "./watch.ts";

/**
 * Connects to a shop from Node, at the URL of its gateway. `httpVersion` "2" has all calls share one connection; it needs a
 * server that speaks HTTP/2, and over plain http one that speaks it without TLS, as the gateway does.
 */
export function connectShop({
  baseUrl,
  httpVersion = "1.1",
  ...options
}: ShopOptions & { readonly baseUrl: string; readonly httpVersion?: "1.1" | "2" }): Shop {
  return createShop(createConnectTransport({ baseUrl, httpVersion }), options);
}

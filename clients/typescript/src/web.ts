import { createConnectTransport } from "@connectrpc/connect-web";
import { createShop, type Shop, type ShopOptions } from "./shop.ts";

export { Code } from "@connectrpc/connect";
export type { Attempts, KeyStorage } from "./attempts.ts";
export { isShopError, type Outcome, ShopError, type Violation } from "./errors.ts";
export type { Reason } from "./reasons.ts";
export type { RetryOptions } from "./retry.ts";
export type { Tokens } from "./session.ts";
export { createShop, type Shop, type ShopOptions } from "./shop.ts";
export { isFinal, type OrderUpdate, type WatchOptions } from "./watch.ts";

/** Connects to a shop from a browser, at the URL of its gateway, which must allow the page's origin (CORS) or be it. */
export function connectShop({ baseUrl, ...options }: ShopOptions & { readonly baseUrl: string }): Shop {
  return createShop(createConnectTransport({ baseUrl }), options);
}

import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { accessRule } from "../auth/access.ts";
import type { CallTokens } from "../auth/service-tokens.ts";
import { toConnectError } from "../errors.ts";
import type { HeadersInit } from "./call.ts";

/** A call before it has its token. */
export type Tokenless = {
  method: DescMethod;
  signal: AbortSignal | undefined;
  /** In ms since the epoch. */
  deadline: number | undefined;
  header: HeadersInit | undefined;
};

/**
 * Returns the header `authorization` for a call; a promise only while there is no token yet. Undefined if the call has its
 * own header. Rejects with a ConnectError: at the call's deadline, when it is cancelled, and with UNAVAILABLE if the issuer
 * gives no token, which the caller may retry.
 */
export function tokenFor(
  tokens: CallTokens | undefined,
  call: Tokenless,
): string | undefined | Promise<string | undefined> {
  if (tokens === undefined || (call.header !== undefined && new Headers(call.header).has("authorization"))) {
    return undefined;
  }
  if (tokens.refused !== undefined && accessRule(call.method).anyone) {
    // The method needs no token, so the call does not wait for the issuer.
    return undefined;
  }
  const found = tokens.authorization();
  return found instanceof Promise ? inTime(found, call) : found;
}

async function inTime<T>(waiting: Promise<T>, { signal, deadline }: Tokenless): Promise<T> {
  const { promise: over, reject } = Promise.withResolvers<never>();
  const late = () => reject(new ConnectError("no token came before the deadline", Code.DeadlineExceeded));
  const cancel = () => reject(ConnectError.from(signal?.reason, Code.Canceled));
  const timer = deadline === undefined ? undefined : setTimeout(late, Math.min(deadline - Date.now(), 2 ** 31 - 1));
  signal?.addEventListener("abort", cancel, { once: true });
  try {
    return await Promise.race([waiting, over]);
  } catch (error) {
    throw toConnectError(error, "auth.sagacart");
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", cancel);
  }
}

import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { type Session, userChanged, userIdOf } from "../auth/session.ts";
import { traceClicks } from "./trace.ts";

/** Longer than the services wait for an outcome, which is 30 s. */
export const defaultTimeoutMs = 40_000;

/**
 * Returns the transport of all calls: Connect, to the gateway that served the page. Calls that only read are GETs, which the
 * gateway does not count as writes; those with a guest's token or a person's name are POSTs, since a URL ends up in logs.
 * `traceRatio` is the share of clicks that are traced; without it none is, and nothing is sent for it.
 */
export function createTransport(session: Session, traceRatio?: number): Transport {
  const traces = traceRatio === undefined ? [] : [traceClicks(traceRatio)];
  const options = { baseUrl: location.origin, interceptors: [authorize(session), ...traces] };
  const post = createConnectTransport(options);
  const get = createConnectTransport({ ...options, useHttpGet: true });
  return {
    unary: (method, signal, timeoutMs = defaultTimeoutMs, ...rest) =>
      (isReadByPost(method) ? post : get).unary(method, signal, timeoutMs, ...rest),
    stream: (...given) => post.stream(...given),
  };
}

/** Returns true if no URL may have the request. The contract says so by `body_only`, which the build leaves out. */
export function isReadByPost({ input }: DescMethod): boolean {
  return input.fields.some(({ name }) => bodyOnly.has(name));
}

const bodyOnly: ReadonlySet<string> = new Set(["guest_token", "token", "username", "email", "to"]);

/**
 * Adds the token of who is signed in. A token that is refused is renewed once, and the call is made again, unless it would be
 * made for somebody else now.
 */
export function authorize(session: Pick<Session, "accessToken" | "state">): Interceptor {
  return (next) => async (request) => {
    const token = await session.accessToken();
    if (token === undefined) {
      return await next(request);
    }
    const user = userIdOf(session.state());
    request.header.set("authorization", `Bearer ${token}`);
    try {
      return await next(request);
    } catch (error) {
      const renewed =
        ConnectError.from(error).code === Code.Unauthenticated && !request.stream
          ? await session.accessToken({ not: token })
          : undefined;
      if (renewed === undefined) {
        throw error;
      }
      if (userIdOf(session.state()) !== user) {
        throw userChanged();
      }
      request.header.set("authorization", `Bearer ${renewed}`);
      return await next(request);
    }
  };
}

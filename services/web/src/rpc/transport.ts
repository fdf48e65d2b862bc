import type { DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, type Interceptor, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import type { Session } from "../auth/session.ts";

/**
 * Returns the transport of all calls: Connect, to the gateway that served the page. Calls that only read are GETs, which the
 * gateway does not count as writes; those with a guest's token are POSTs, since a URL ends up in logs.
 */
export function createTransport(session: Session): Transport {
  const options = { baseUrl: location.origin, interceptors: [authorize(session)] };
  const post = createConnectTransport(options);
  const get = createConnectTransport({ ...options, useHttpGet: true });
  return {
    unary: (method, ...rest) => (hasSecrets(method) ? post : get).unary(method, ...rest),
    stream: (...given) => post.stream(...given),
  };
}

function hasSecrets({ input }: DescMethod): boolean {
  return input.fields.some(({ name }) => /token$/.test(name) && name !== "page_token");
}

/** Adds the token of who is signed in. A token that is refused is renewed once, and the call is made again. */
function authorize(session: Session): Interceptor {
  return (next) => async (request) => {
    const token = await session.accessToken();
    if (token === undefined) {
      return await next(request);
    }
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
      request.header.set("authorization", `Bearer ${renewed}`);
      return await next(request);
    }
  };
}

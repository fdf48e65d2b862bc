import type { DescMethod } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import { accessRule } from "../../auth/access.ts";
import { admit, confine } from "../../auth/admit.ts";
import type { Principal } from "../../auth/principal.ts";
import { bearerToken, type Verifier } from "../../auth/verify.ts";
import { type CallContext, callContext, runWithContext } from "../../context.ts";
import { aroundEach } from "./streams.ts";

/**
 * Turns away who may not call, and runs the call in the context of who may: callContext() has the principal, and for
 * a customer the id whose things alone the call may touch. The call's context is there already, with the header.
 *
 * A request's `customer_id` is filled in for a customer, and refused where it is another's.
 */
export function authInterceptor(verifier: Verifier): Interceptor {
  return (next) => async (request) => {
    const context = callContext();
    if (context === undefined) {
      throw new Error("a call came here before its context was made");
    }
    const { method } = request;
    const found = principalOf(verifier, method, context.authorization);
    const principal = found instanceof Promise ? await found : found;
    const customerId = admit(method, principal);
    if (customerId !== undefined && !request.stream) {
      confine(method, request.message, customerId);
    }
    const known: CallContext = { ...context, principal, customerId };
    const requested =
      request.stream && customerId !== undefined
        ? { ...request, message: confined(method, request.message, customerId) }
        : request;
    const response = await runWithContext(known, () => next(requested));
    if (response.stream) {
      return { ...response, message: aroundEach(response.message, (step) => runWithContext(known, step)) };
    }
    return response;
  };
}

/** Undefined without a token. A method that is open to anyone takes one that is not good for none at all. */
function principalOf(
  verifier: Verifier,
  method: DescMethod,
  authorization: string | undefined,
): Principal | undefined | Promise<Principal | undefined> {
  if (authorization === undefined) {
    return undefined;
  }
  const { anyone } = accessRule(method);
  try {
    const token = bearerToken(authorization);
    const found = token === undefined ? undefined : verifier.verify(token);
    return anyone && found instanceof Promise ? found.catch(() => undefined) : found;
  } catch (error) {
    if (anyone) {
      return undefined;
    }
    throw error;
  }
}

/** A server stream's request is the first message of a stream, too. */
async function* confined<T>(method: DescMethod, messages: AsyncIterable<T>, customerId: string): AsyncIterable<T> {
  for await (const message of messages) {
    confine(method, message, customerId);
    yield message;
  }
}

import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import { accessRule } from "../../auth/access.ts";
import { admit, confine } from "../../auth/admit.ts";
import { requireFreshSignIn } from "../../auth/fresh.ts";
import type { Principal } from "../../auth/principal.ts";
import { redacted } from "../../auth/redact.ts";
import { requireScope } from "../../auth/scope.ts";
import { requireSecondFactor } from "../../auth/second-factor.ts";
import { type SecurityLog, securityEventOf } from "../../auth/security-log.ts";
import { bearerToken, type Verifier } from "../../auth/verify.ts";
import { type CallContext, callContext, runWithContext } from "../../context.ts";
import { aroundEach } from "./streams.ts";

/**
 * Refuses callers without permission, and runs the call in a context with the principal, and for customers with the id
 * that the call is confined to. The call's context must be set already, with the header `authorization`.
 *
 * `host` is this service's name, since some programs may call a method at some services only. A customer's request gets its
 * `customer_id` filled in, or is refused if it names another customer. Its answer has no fields that only the shop's people
 * see. `security` records refused callers, and the calls that the contract marks as security events.
 */
export function authInterceptor(verifier: Verifier, host: string, security?: SecurityLog): Interceptor {
  return (next) => async (request) => {
    const context = callContext();
    if (context === undefined) {
      throw new Error("the context interceptor must run first");
    }
    const { method } = request;
    const { freshSignInMs } = verifier;
    let principal: Principal | undefined;
    let customerId: string | undefined;
    try {
      const found = principalOf(verifier, method, context.authorization);
      principal = found instanceof Promise ? await found : found;
      customerId = admit(method, principal, host);
      if (principal !== undefined) {
        const rule = accessRule(method);
        requireScope(principal, rule);
        // Before the fresh sign-in: if both are missing, this error says what to do about both.
        requireSecondFactor(principal, rule, verifier);
        if (rule.freshSignIn) {
          requireFreshSignIn(principal, freshSignInMs);
        }
      }
      if (customerId !== undefined && !request.stream) {
        confine(method, request.message, customerId);
      }
    } catch (error) {
      security?.refused(method, principal, error);
      throw error;
    }
    const log = securityEventOf(method) === undefined ? undefined : security;
    const note = log === undefined ? undefined : {};
    const known: CallContext = { ...context, principal, customerId, freshSignInMs, securityNote: note };
    const requested =
      request.stream && customerId !== undefined
        ? { ...request, message: confined(method, request.message, customerId) }
        : request;
    const answering = runWithContext(known, () => next(requested));
    const failed = (error: unknown) => {
      log?.called(method, principal, { request: request.message, error, note });
      throw error;
    };
    const response = await (log === undefined ? answering : answering.catch(failed));
    log?.called(method, principal, { request: request.message, answer: response.message, note });
    if (response.stream) {
      const messages = aroundEach(response.message, (step) => {
        recheck(verifier, method, principal);
        return runWithContext(known, step);
      });
      return { ...response, message: customerId === undefined ? messages : redactedEach(method, messages) };
    }
    if (customerId === undefined) {
      return response;
    }
    const message = redacted(method.output, response.message);
    return message === response.message ? response : { ...response, message };
  };
}

/** Ends a stream whose caller's token was revoked since it began. */
function recheck(verifier: Verifier, method: DescMethod, principal: Principal | undefined): void {
  if (principal !== undefined && !accessRule(method).anyone) {
    verifier.recheck(principal);
  }
}

/** Returns undefined without a token. For a method that anyone may call, an invalid token counts as none. */
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

/** Redacts each message of a stream. */
async function* redactedEach<T extends Message>(method: DescMethod, messages: AsyncIterable<T>): AsyncIterable<T> {
  for await (const message of messages) {
    yield redacted(method.output, message);
  }
}

/** Confines each message of a stream; a server stream's request arrives as one. */
async function* confined<T>(method: DescMethod, messages: AsyncIterable<T>, customerId: string): AsyncIterable<T> {
  for await (const message of messages) {
    confine(method, message, customerId);
    yield message;
  }
}

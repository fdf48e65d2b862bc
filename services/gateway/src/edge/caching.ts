import type { DescMethod } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { ConnectError, type Interceptor } from "@connectrpc/connect";
import { accessRule } from "@sagacart/chassis/auth/access";
import type { FastifyInstance, FastifyReply } from "fastify";

declare module "fastify" {
  interface FastifyContextConfig {
    /** How answers may be stored; without it, they may not be. */
    caching?: Caching;
  }
}

/** The rule for storing a method's answers. */
export type Caching = {
  /** The answer is the same for everyone. It may be stored, and is to be asked for again, since stock and prices change. */
  readonly isShared: boolean;
  /** The request headers that choose what is answered. */
  readonly vary: readonly string[];
};

/**
 * Derives from the contract how a method's answers may be stored. They are shared if anyone may call it, it only reads, and
 * the request has no guest token, which opens what is one guest's. All others are personal, tokens and passwords included:
 * nobody may store them, and they vary by the credentials that open them.
 */
export function cachingOf(method: DescMethod): Caching {
  const { anyone, roles } = accessRule(method);
  const isGuests = method.input.fields.some(({ name }) => name === "guest_token");
  const onlyReads = method.idempotency === MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
  return {
    isShared: anyone && onlyReads && !isGuests,
    vary: [...(roles.length > 0 ? ["Authorization"] : []), ...(isGuests ? ["Guest-Token"] : [])],
  };
}

/**
 * Sets Cache-Control and Vary of all answers. Errors, and answers of routes that say nothing, may not be stored. What a
 * handler or a process behind says about its own answer stays.
 */
export function controlCaching(app: FastifyInstance): void {
  app.addHook("onSend", (request, reply, payload, done) => {
    const { caching } = request.routeOptions.config;
    addVary(reply, caching?.vary ?? []);
    if (!reply.hasHeader("cache-control")) {
      reply.header("cache-control", caching?.isShared === true && reply.statusCode < 400 ? revalidated : unstored);
    }
    done(null, payload);
  });
}

/** Adds names to the header Vary, which other parts of the gateway set too. */
export function addVary(reply: FastifyReply, names: readonly string[]): void {
  const present = String(reply.getHeader("vary") ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const known = new Set(present.map((name) => name.toLowerCase()));
  const missing = names.filter((name) => !known.has(name.toLowerCase()));
  if (missing.length > 0) {
    reply.header("vary", [...present, ...missing].join(", "));
  }
}

/** Sets the same headers for calls by Connect, whose answers do not pass Fastify's hooks. */
export const cachingInterceptor: Interceptor = (next) => async (request) => {
  const { isShared, vary } = cachingOf(request.method);
  try {
    const response = await next(request);
    response.header.set("cache-control", isShared ? revalidated : unstored);
    for (const name of vary) {
      response.header.append("vary", name);
    }
    return response;
  } catch (error) {
    throw unstoredError(error);
  }
};

/** Makes an error of Connect that nobody may store. */
export function unstoredError(error: unknown): ConnectError {
  const failure = ConnectError.from(error);
  failure.metadata.set("cache-control", unstored);
  return failure;
}

const revalidated = "no-cache";
const unstored = "no-store";

import { METHODS } from "node:http";
import type { authReasons } from "@sagacart/chassis/auth/reasons";
import type { RecordedEvent } from "@sagacart/chassis/auth/security-line";
import { accessRefused, type SecurityLog, tokenRefused } from "@sagacart/chassis/auth/security-log";
import type { Verifier } from "@sagacart/chassis/auth/verify";
import type { FastifyRequest } from "fastify";
import { principalOf } from "./auth.ts";
import { EdgeError, type Problem } from "./problem.ts";
import { domain, type Reason } from "./reasons.ts";

/** The events of requests that this process refuses: as more than one caller may do, and as none that it takes. */
export const requestLimited = "request.limited";
export const requestRefused = "request.refused";

export type Refusal = {
  readonly event: RecordedEvent;
  readonly reason: string;
  /** The limit that was exceeded, for example `sign_ins`. */
  readonly limit?: string | undefined;
  readonly error?: unknown;
};

/** Records what a server of REST refuses itself; what a service refused, that service records. */
export type Refusals = {
  /** Records a request that is answered with this problem, if it is one for the log. */
  answered(request: FastifyRequest, problem: Problem, error: unknown): void;
  /** Records a request that is refused without a problem: cut off, or in another protocol. */
  refused(request: FastifyRequest, refusal: Refusal): void;
};

export type RefusalsOptions = {
  /** Nothing is recorded where absent. */
  readonly security?: SecurityLog | undefined;
  /** Tells who a caller with a good token is. */
  readonly verifier?: Verifier | undefined;
};

/** Records refused requests with their caller, address, method and route. A burst is a line a minute. */
export function recordRefusals({ security, verifier }: RefusalsOptions): Refusals {
  function refused(request: FastifyRequest, { event, reason, limit, error }: Refusal): void {
    if (security === undefined) {
      return;
    }
    const { headers, id: requestId, ip: address, routeOptions } = request;
    // Over HTTP/2 a caller may send any text as the method.
    const method = METHODS.includes(request.method) ? request.method : "OTHER";
    // Before the promise: a caller who leaves has no address any more.
    const line = { event, outcome: "refused", reason, error, requestId, address, method, repeats: true } as const;
    const object = limit === undefined ? {} : { object: { kind: "limit", id: limit } };
    const route = shownRoute(routeOptions.url ?? "");
    // It does not reject: without a good token there is no principal.
    void principalOf(verifier, headers.authorization).then((principal) => {
      security.record({ ...line, ...object, route, principal });
    });
  }

  return {
    refused,
    answered(request, { type, status, reason }, error) {
      if (!type.startsWith(ownErrors)) {
        return;
      }
      if (reason === issuerUnavailable) {
        security?.controlFailed("tokens", error);
        return;
      }
      const event = isReason(reason) ? eventOf(reason) : ofCallers.get(status);
      if (event !== undefined) {
        refused(request, { event, reason, limit: error instanceof EdgeError ? error.limit : undefined, error });
      }
    },
  };
}

/** Writes a route without what the router needs: `/v1/orders/:p0(^[^:/]+)::cancel` is `/v1/orders/:p0:cancel`. */
function shownRoute(url: string): string {
  return url.replaceAll(/\([^)]*\)/g, "").replaceAll("::", ":");
}

const ownErrors = `https://sagacart.dev/errors/${domain}/`;
const issuerUnavailable: keyof typeof authReasons = "ISSUER_UNAVAILABLE";

/**
 * The event of each reason. `ordinary` are those of which a caller may well be unaware, such as an order that was cancelled
 * meanwhile, and those that a process behind has recorded.
 */
const events = {
  INVALID_REQUEST: requestRefused,
  MALFORMED_JSON: requestRefused,
  MALFORMED_REQUEST: requestRefused,
  REQUEST_TIMEOUT: requestRefused,
  HTTPS_REQUIRED: requestRefused,
  HOST_NOT_ALLOWED: requestRefused,
  BODY_TOO_LARGE: requestRefused,
  UNSUPPORTED_MEDIA_TYPE: requestRefused,
  HEADERS_TOO_LARGE: requestRefused,
  ROUTE_NOT_FOUND: requestRefused,
  PROVIDER_NOT_FOUND: requestRefused,
  METHOD_NOT_ALLOWED: requestRefused,
  TOO_MANY_REQUESTS: requestLimited,
  IDEMPOTENCY_KEY_REQUIRED: "ordinary",
  CART_EMPTY: "ordinary",
  PRODUCT_NOT_FOUND: "ordinary",
  PRODUCT_GONE: "ordinary",
  BAD_CREDENTIALS: "ordinary",
  SECOND_FACTOR_NEEDED: "ordinary",
  REQUEST_ID_REUSED: "ordinary",
  REQUEST_UNDER_WAY: "ordinary",
  ORDER_PAID: "ordinary",
  ORDER_CANCELLED: "ordinary",
  PAYMENT_DECLINED: "ordinary",
  NOT_DECIDED: "ordinary",
  INTERNAL: "ordinary",
  IDENTITY_UNAVAILABLE: "ordinary",
  SURFACES_UNAVAILABLE: "ordinary",
  TRACES_UNAVAILABLE: "ordinary",
  CHECKOUT_UNDER_WAY: "ordinary",
} as const satisfies Readonly<Record<Reason, RecordedEvent | "ordinary">>;

function isReason(reason: string): reason is Reason {
  return Object.hasOwn(events, reason);
}

function eventOf(reason: Reason): RecordedEvent | undefined {
  const event = events[reason];
  return event === "ordinary" ? undefined : event;
}

/** The events of the reasons that all processes share, by which callers are refused. */
const ofCallers: ReadonlyMap<number, RecordedEvent> = new Map([
  [401, tokenRefused],
  [403, accessRefused],
]);

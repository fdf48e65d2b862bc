/** The reasons of the errors of REST itself, with the HTTP status and the title of each. */
export const reasons = {
  /** The request breaks rules, which are listed as violations. */
  INVALID_REQUEST: [400, "INVALID_ARGUMENT"],
  MALFORMED_JSON: [400, "INVALID_ARGUMENT"],
  MALFORMED_REQUEST: [400, "INVALID_ARGUMENT"],
  IDEMPOTENCY_KEY_REQUIRED: [400, "INVALID_ARGUMENT"],
  /** On the Wippy surface, where an empty cart is the caller's mistake. */
  CART_EMPTY: [400, "FAILED_PRECONDITION"],
  PRODUCT_NOT_FOUND: [404, "NOT_FOUND"],
  /** On the Wippy surface: the cart has lines that are no longer sold. They are named, and can be removed. */
  PRODUCT_GONE: [409, "FAILED_PRECONDITION"],
  ROUTE_NOT_FOUND: [404, "NOT_FOUND"],
  PROVIDER_NOT_FOUND: [404, "NOT_FOUND"],
  /** The request came by plain HTTP, where others can read it. It is not redirected. */
  HTTPS_REQUIRED: [403, "PERMISSION_DENIED"],
  /** The request is for a host that is not this machine or the configured URL, as after DNS rebinding. Only on a laptop. */
  HOST_NOT_ALLOWED: [403, "PERMISSION_DENIED"],
  METHOD_NOT_ALLOWED: [405, "METHOD_NOT_ALLOWED"],
  /** On the shop surface, where these outcomes are errors. */
  BAD_CREDENTIALS: [401, "UNAUTHENTICATED"],
  /** The user signs in with a second factor, which this interface does not take. */
  SECOND_FACTOR_NEEDED: [403, "PERMISSION_DENIED"],
  REQUEST_ID_REUSED: [422, "FAILED_PRECONDITION"],
  REQUEST_UNDER_WAY: [409, "ABORTED"],
  ORDER_PAID: [409, "FAILED_PRECONDITION"],
  ORDER_CANCELLED: [409, "FAILED_PRECONDITION"],
  PAYMENT_DECLINED: [409, "FAILED_PRECONDITION"],
  NOT_DECIDED: [503, "UNAVAILABLE"],
  REQUEST_TIMEOUT: [408, "REQUEST_TIMEOUT"],
  BODY_TOO_LARGE: [413, "CONTENT_TOO_LARGE"],
  UNSUPPORTED_MEDIA_TYPE: [415, "UNSUPPORTED_MEDIA_TYPE"],
  TOO_MANY_REQUESTS: [429, "RESOURCE_EXHAUSTED"],
  HEADERS_TOO_LARGE: [431, "REQUEST_HEADER_FIELDS_TOO_LARGE"],
  INTERNAL: [500, "INTERNAL"],
  /** Identity, which serves OpenID Connect, cannot be reached. */
  IDENTITY_UNAVAILABLE: [503, "UNAVAILABLE"],
  /** The surfaces process, which serves the REST of other systems, cannot be reached. */
  SURFACES_UNAVAILABLE: [503, "UNAVAILABLE"],
  /** The program that keeps the traces on a laptop cannot be reached. */
  TRACES_UNAVAILABLE: [503, "UNAVAILABLE"],
  CHECKOUT_UNDER_WAY: [504, "DEADLINE_EXCEEDED"],
} as const satisfies Record<string, readonly [number, string]>;

export type Reason = keyof typeof reasons;

/** The domain of these reasons, whichever process answers: clients see one server. */
export const domain = "gateway.sagacart";

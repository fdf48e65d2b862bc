import { type IncomingMessage, ServerResponse } from "node:http";
import { type Http2ServerRequest, Http2ServerResponse } from "node:http2";

/**
 * Security headers of every answer. Answers are data, so they may load nothing and may not be framed; the few pages set
 * policies of their own. HSTS counts on HTTPS only: browsers ignore it on plain HTTP.
 */
export const securityHeaders: Readonly<Record<string, string>> = {
  "strict-transport-security": "max-age=31536000; includeSubDomains",
  "content-security-policy":
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  // CORS decides which origins may read an answer.
  "cross-origin-resource-policy": "cross-origin",
  "origin-agent-cluster": "?1",
  "x-dns-prefetch-control": "off",
  "x-download-options": "noopen",
  "x-permitted-cross-domain-policies": "none",
  "x-xss-protection": "0",
};

/**
 * An answer over HTTP/1.1 that begins with the security headers. As the class that a server makes its answers of, it covers
 * what Node answers by itself, before any handler: a request without Host, an expectation that is not met.
 */
export class SecuredResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
  // Node gives more arguments than the types know.
  constructor(...given: [request: Request]) {
    super(...given);
    secure(this);
  }
}

/** The same over HTTP/2. */
export class SecuredHttp2Response<
  Request extends Http2ServerRequest = Http2ServerRequest,
> extends Http2ServerResponse<Request> {
  constructor(...given: ConstructorParameters<typeof Http2ServerResponse<Request>>) {
    super(...given);
    secure(this);
  }
}

function secure(response: { setHeader(name: string, value: string): unknown }): void {
  for (const name in securityHeaders) {
    response.setHeader(name, securityHeaders[name] ?? "");
  }
}

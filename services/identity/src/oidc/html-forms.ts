import type { IncomingMessage, ServerResponse } from "node:http";
import type { Language } from "./language.ts";
import type { Page } from "./page.ts";
import { refusedFormPage } from "./pages.ts";
import type { Refusal } from "./refusals.ts";

const mostBytes = 8 * 1024;

/** Reads the fields of a form. For one that is larger than any of ours it answers itself, and returns nothing. */
export async function readForm(
  request: IncomingMessage,
  response: ServerResponse,
  language: Language,
): Promise<URLSearchParams | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // The iterator would end the connection, and with it the answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false })) {
    bytes += chunk.length;
    if (bytes > mostBytes) {
      request.resume();
      send(response, 413, refusedFormPage("tooLarge", language));
      return undefined;
    }
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString());
}

/** Returns true for a form that another site's page has sent. Browsers say so themselves. */
export function isOfOtherOrigin({ headers: { origin } }: IncomingMessage, issuer: string): boolean {
  return origin !== undefined && origin !== issuer;
}

/** Returns the address of the gateway's caller, which the gateway sends in a header. */
export function clientAddress({ headers, socket }: IncomingMessage): string | undefined {
  const given = headers["x-client-address"];
  return typeof given === "string" ? given : socket.remoteAddress;
}

/** Sends a page, which nobody may store. */
export function send(response: ServerResponse, status: number, { html, csp }: Page): void {
  response
    .writeHead(status, {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": csp,
      "cache-control": "no-store",
    })
    .end(html);
}

/** Sends a page that shows a refusal. */
export function sendRefusal(response: ServerResponse, { status, retryAfterSeconds }: Refusal, page: Page): void {
  if (retryAfterSeconds !== undefined) {
    response.setHeader("retry-after", retryAfterSeconds);
  }
  send(response, status, page);
}

/** Leads the browser on, by a GET. */
export function redirect(response: ServerResponse, location: string): void {
  response.writeHead(303, { location, "content-length": "0" }).end();
}

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Page } from "./pages.ts";

const mostBytes = 8 * 1024;

/** Reads the fields of a form; none if it is larger than any of ours. */
export async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > mostBytes) {
      return new URLSearchParams();
    }
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString());
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

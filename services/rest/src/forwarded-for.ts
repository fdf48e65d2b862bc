import type { IncomingHttpHeaders } from "node:http";

/**
 * Removes the ports from X-Forwarded-For. Azure's Application Gateway writes `192.0.2.7:50123`, and the address with its
 * port is a new one for each connection: no limit by address would hold.
 */
export function withoutPorts(headers: IncomingHttpHeaders): void {
  const given = headers["x-forwarded-for"];
  const text = Array.isArray(given) ? given.join(",") : given;
  if (text?.includes(":") === true) {
    headers["x-forwarded-for"] = text
      .split(",")
      .map((part) => addressOf(part.trim()))
      .join(", ");
  }
}

function addressOf(text: string): string {
  // An IPv6 address has a port only in brackets; without, the colons are its own.
  return /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1] ?? /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1] ?? text;
}

import { createHash, randomUUID } from "node:crypto";
import type { FastifyRequest } from "fastify";

/** Returns the Idempotency-Key of a request; undefined if it has none. */
export function givenKey({ headers }: Pick<FastifyRequest, "headers">): string | undefined {
  const key = headers["idempotency-key"];
  return typeof key === "string" && key !== "" ? key : undefined;
}

/** Returns the caller's key, or a new one, with which calls can be retried when a service restarts. */
export function keyOf(request: Pick<FastifyRequest, "headers">): string {
  return givenKey(request) ?? randomUUID();
}

/** Derives the id of what a request makes from its key: a UUID (version 8). `kind` and `owner` keep keys apart. */
export function idOfKey(kind: string, owner: string, key: string): string {
  const hex = createHash("sha256").update(`${kind}\n${owner}\n${key}`).digest("hex");
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

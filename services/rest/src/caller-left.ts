import type { FastifyReply } from "fastify";

/**
 * Returns a signal that aborts if the caller disconnects before the answer is sent. (Fastify's own `request.signal`
 * follows the request's stream, which closes as soon as its body has been read.)
 */
export function callerLeft(reply: FastifyReply): AbortSignal {
  const left = new AbortController();
  reply.raw.once("close", () => {
    if (!reply.raw.writableFinished) {
      left.abort();
    }
  });
  return left.signal;
}

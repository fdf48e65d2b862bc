import type { Log } from "@sagacart/chassis/process/log";
import { shorten } from "@sagacart/chassis/shorten";
import type { FastifyReply, FastifyRequest } from "fastify";
import { EdgeError, problemOf } from "./problem.ts";
import type { Refusals } from "./refusals.ts";

/** Returns an error handler that answers with a problem, and logs bugs (500) with their cause. */
export function answerProblem(
  log: Log,
  refusals: Refusals,
): (error: unknown, request: FastifyRequest, reply: FastifyReply) => void {
  return (error, request, reply) => {
    const { problem, headers } = problemOf(error, request.id);
    refusals.answered(request, problem, error);
    if (problem.status === 500) {
      log.error({ error, requestId: request.id }, "a bug: an error that nobody expected");
    }
    // Closing now would lose the answer to a client that is still sending its body.
    if (request.raw.httpVersionMajor === 2 || isSmallEnoughToRead(request)) {
      reply.removeHeader("connection");
    }
    reply
      .code(problem.status)
      .header("x-request-id", request.id)
      // Here, not in a hook: some errors come before any hook. A 404 without it could be stored.
      .header("cache-control", "no-store")
      .headers(headers)
      .type("application/problem+json; charset=utf-8")
      .serializer((body: unknown) => JSON.stringify(body))
      .send(problem);
  };
}

/** The handler for paths without a route. */
export function notFound(request: FastifyRequest): never {
  const path = request.url.split("?", 1)[0] ?? "";
  throw new EdgeError("ROUTE_NOT_FOUND", `there is nothing at ${request.method} ${shorten(path, 200)}`);
}

function isSmallEnoughToRead({ headers }: FastifyRequest): boolean {
  return Number(headers["content-length"] ?? Number.POSITIVE_INFINITY) <= 64 * 1024 * 1024;
}

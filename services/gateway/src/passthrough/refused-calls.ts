import { Code, createContextKey, type HandlerContext } from "@connectrpc/connect";
import type { UniversalHandler, UniversalServerRequest, UniversalServerResponse } from "@connectrpc/connect/protocol";
import { codeName } from "@sagacart/chassis/errors";
import { problemOf } from "@sagacart/rest/problem";
import { type Refusals, requestRefused } from "@sagacart/rest/refusals";
import type { FastifyRequest } from "fastify";

/** A call by Connect or gRPC: the request of Fastify, and what became of it at the gateway. */
export type EdgeCall = {
  readonly request: FastifyRequest;
  /** True once it is passed on to a service, which records its own refusals. */
  isPassedOn: boolean;
  /** Why the gateway refuses it, where that is known before it is answered. */
  error?: unknown;
};

export const edgeCall = createContextKey<EdgeCall | undefined>(undefined);

/** Marks a call as passed on. */
export function passOn({ values }: HandlerContext): void {
  const call = values.get(edgeCall);
  if (call !== undefined) {
    call.isPassedOn = true;
  }
}

/** Keeps why a call is refused, and throws it. */
export function refuseCall({ values }: HandlerContext, error: unknown): never {
  const call = values.get(edgeCall);
  if (call !== undefined) {
    call.error = error;
  }
  throw error;
}

/**
 * Records calls that end before they are passed on: those without a good token, too large ones, and what Connect itself
 * refuses. Its answers are not Fastify's, so no hook or error handler sees them.
 */
export function recordRefusedCalls(handler: UniversalHandler, refusals: Refusals): UniversalHandler {
  const recorded = async (given: UniversalServerRequest): Promise<UniversalServerResponse> => {
    const answer = await handler(given);
    const call = given.contextValues?.get(edgeCall);
    if (call === undefined || answer.body === undefined || call.isPassedOn) {
      record(refusals, call, answer);
      return answer;
    }
    return { ...answer, body: whenRead(answer.body, () => record(refusals, call, answer)) };
  };
  return Object.assign(recorded, handler);
}

function record(refusals: Refusals, call: EdgeCall | undefined, answer: UniversalServerResponse): void {
  if (call === undefined || call.isPassedOn) {
    return;
  }
  const { request, error } = call;
  if (error !== undefined) {
    refusals.answered(request, problemOf(error, request.id).problem, error);
    return;
  }
  const code = codeOf(answer);
  const reason = code === Code.ResourceExhausted ? "BODY_TOO_LARGE" : codeName(code).toUpperCase();
  refusals.refused(request, { event: requestRefused, reason });
}

/** Returns the code of a refusal. gRPC-Web and Connect's streams have it in their bodies: it is taken for the usual one. */
function codeOf({ status, trailer }: UniversalServerResponse): Code {
  const ofGrpc = Number(trailer?.get("grpc-status") ?? 0);
  if (ofGrpc > 0) {
    return ofGrpc;
  }
  // The reverse of Connect's own statuses, several of which mean one code.
  return status === 429 ? Code.ResourceExhausted : Code.InvalidArgument;
}

async function* whenRead(body: AsyncIterable<Uint8Array>, ended: () => void): AsyncIterable<Uint8Array> {
  yield* body;
  ended();
}

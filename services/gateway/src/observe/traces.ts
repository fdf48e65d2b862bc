import { Readable } from "node:stream";
import { Code, ConnectError } from "@connectrpc/connect";
import { authError } from "@sagacart/chassis/auth/reasons";
import type { Verifier } from "@sagacart/chassis/auth/verify";
import { strictFetch } from "@sagacart/chassis/client/fetch";
import { toConnectError } from "@sagacart/chassis/errors";
import { checkToken, principalOf } from "@sagacart/rest/auth";
import { callerLeft } from "@sagacart/rest/caller-left";
import { EdgeError, invalidRequest } from "@sagacart/rest/problem";
import { domain } from "@sagacart/rest/reasons";
import type { FastifyInstance, FastifyRequest } from "fastify";

export type TracesOptions = {
  /** The trace server of `npm start -- --observe`, on this machine. */
  readonly tracesUrl: string;
  readonly verifier: Verifier | undefined;
};

/**
 * Serves `GET /observe/traces?id=<trace>&id=…`: the spans of these traces, and of the batches that they are part of, for the
 * console. For operators alone, since statements and ids of all customers are in it.
 */
export async function traces(app: FastifyInstance, { tracesUrl, verifier }: TracesOptions): Promise<void> {
  app.get(
    "/observe/traces",
    { onRequest: async ({ headers }) => await requireOperator(verifier, headers.authorization) },
    async (request, reply) => {
      const query = traceIdsOf(request)
        .map((id) => `id=${id}`)
        .join("&");
      const left = callerLeft(reply);
      const signal = AbortSignal.any([left, AbortSignal.timeout(10_000)]);
      const answer = await strictFetch(`${tracesUrl}/traces?${query}`, { signal }).catch((cause: unknown) => {
        if (left.aborted) {
          throw new ConnectError("the caller left before it was answered", Code.Canceled);
        }
        request.log.warn({ error: cause, requestId: request.id }, "the traces cannot be read");
        throw unavailable();
      });
      if (!answer.ok || answer.body === null) {
        await answer.body?.cancel();
        throw unavailable();
      }
      return reply.type("application/json; charset=utf-8").send(Readable.fromWeb(answer.body));
    },
  );
}

async function requireOperator(verifier: Verifier | undefined, authorization: string | undefined): Promise<void> {
  await checkToken(verifier, authorization);
  const principal = await principalOf(verifier, authorization);
  if (verifier !== undefined && principal?.roles.has("operator") !== true) {
    const error = authError("ROLE_REQUIRED", "traces need one of the roles operator", { roles: "operator" });
    throw toConnectError(error, domain);
  }
}

/** An order has a trace for each of the calls that changed it. */
const mostIds = 50;

function traceIdsOf({ query }: FastifyRequest): string[] {
  const { id }: { id?: unknown } = typeof query === "object" && query !== null ? query : {};
  const ids = (Array.isArray(id) ? id : [id]).map(String);
  if (ids.length > mostIds || !ids.every((one) => /^[\da-f]{32}$/.test(one))) {
    const message = `must be given 1 to ${mostIds} times, each with 32 lower-case hex digits`;
    throw invalidRequest([{ field: "id", rule: "trace_id", message }]);
  }
  return ids;
}

function unavailable(): EdgeError {
  return new EdgeError("TRACES_UNAVAILABLE", "the program that keeps the traces does not answer; try again", {
    headers: { "retry-after": "1" },
  });
}

import type { Metrics } from "@sagacart/chassis/process/metrics";
import type { FastifyInstance } from "fastify";
import type { Readiness } from "./ready.ts";

/** `/health` (alive), `/ready` (send traffic) and, where there are metrics to show, `/metrics`, without a token. */
export async function probes(
  app: FastifyInstance,
  { readiness, metrics }: { readiness: Readiness; metrics?: Metrics | undefined },
): Promise<void> {
  app.get("/health", async () => ({ status: "alive" }));
  app.get("/ready", async (_request, reply) => {
    const isServing = readiness.health.isServing();
    return reply.code(isServing ? 200 : 503).send({
      status: isServing ? "ready" : "not ready",
      services: readiness.services,
    });
  });
  if (metrics !== undefined) {
    app.get("/metrics", async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()));
  }
}

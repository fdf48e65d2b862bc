import { cors as connectCors } from "@connectrpc/connect";
import cors from "@fastify/cors";
import type { FastifyInstance } from "fastify";

/** Lets pages of these origins call from a browser: `https://shop.example`, or `*` for any. Without one, no page may. */
export async function allowOrigins(app: FastifyInstance, origins: readonly string[]): Promise<void> {
  if (origins.length === 0) {
    return;
  }
  await app.register(cors, {
    origin: origins.includes("*") ? "*" : [...origins],
    methods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
    allowedHeaders: [
      ...connectCors.allowedHeaders,
      "Idempotency-Key",
      "Guest-Token",
      "If-Match",
      "If-None-Match",
      "Last-Event-ID",
      "X-Request-Id",
      "Authorization",
      "Traceparent",
      "Tracestate",
    ],
    exposedHeaders: [
      ...connectCors.exposedHeaders,
      "X-Request-Id",
      "ETag",
      "Location",
      "Link",
      "Sagacart-Next-Position",
      "Sagacart-Generation",
      "Retry-After",
      "Idempotency-Replayed",
      "X-RateLimit-Limit",
      "X-RateLimit-Remaining",
      "X-RateLimit-Reset",
    ],
    maxAge: 7_200,
  });
}

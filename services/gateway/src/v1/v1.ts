import type { Verifier } from "@sagacart/chassis/auth/verify";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { refuseBadTokens } from "@sagacart/rest/auth";
import type { FastifyInstance } from "fastify";
import { feedBindings } from "../events/bindings.ts";
import { serveReading } from "../events/read.ts";
import { exportBinding, serveExport } from "../export/export.ts";
import { publicServices, type Services } from "../services.ts";
import { type Binding, bindingsOf } from "./bindings.ts";
import { feeds } from "./feeds.ts";
import { serveFeeds } from "./sse.ts";
import { serveBindings } from "./transcode.ts";

/** The bindings of all rpcs that REST serves. */
export const v1Bindings = [...bindingsOf(publicServices.keys()), ...feedBindings, exportBinding];

/** Serves the native API. */
export async function v1(
  app: FastifyInstance,
  {
    services,
    verifier,
    bodyLimitBytes,
    ...streams
  }: {
    services: Services;
    verifier: Verifier | undefined;
    bodyLimitBytes: number;
    heartbeatMs: number;
    stopping: AbortSignal;
  },
): Promise<void> {
  refuseBadTokens(app, { verifier, bodyLimitBytes });
  // Bodies stay bytes until the route is known.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  const isReading = ({ method }: Binding) => method === EventService.method.readEvents;
  serveBindings(
    app,
    services,
    v1Bindings.filter((binding) => !isReading(binding) && binding !== exportBinding),
  );
  serveExport(app, services, verifier);
  serveReading(app, services, v1Bindings.filter(isReading));
  serveFeeds(app, services, feeds, streams);
}

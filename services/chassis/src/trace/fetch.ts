import { strictFetch } from "../client/fetch.ts";
import { startSpan } from "./trace.ts";

/**
 * Calls strictFetch() in a child span of the current one. `route` is the path as a template, for example `/charges/{key}`. For
 * external services: the trace context is not sent to them.
 */
export async function tracedFetch(route: string, url: URL, init: RequestInit): Promise<Response> {
  const method = init.method ?? "GET";
  const span = startSpan(`${method} ${route}`, {
    kind: "client",
    attributes: {
      "http.request.method": method,
      "url.template": route,
      "server.address": url.hostname,
      "server.port": Number(url.port) || (url.protocol === "https:" ? 443 : 80),
    },
  });
  try {
    const response = await strictFetch(url, init);
    span?.set({ "http.response.status_code": response.status });
    span?.end(response.status >= 500 ? String(response.status) : undefined);
    return response;
  } catch (error) {
    span?.end(error instanceof Error ? error.name : "error");
    throw error;
  }
}

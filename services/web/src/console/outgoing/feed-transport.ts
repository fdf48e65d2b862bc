import { create, type DescMethod, fromJson, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, type Transport } from "@connectrpc/connect";
import { ConsumerService } from "@sagacart/proto/event/v1/consumer_service";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import type { Session } from "../../auth/session.ts";
import { newRequestId } from "../../rpc/request-id.ts";
import { restCall } from "../rest-call.ts";

/** The services with a feed that the gateway serves. */
export const feedNames = ["order", "payment", "shipping"] as const;
export type FeedName = (typeof feedNames)[number];

/**
 * Calls the services of one feed. Several processes have them, which Connect's paths cannot tell apart: so these calls go over
 * REST, whose paths name the feed.
 */
export function feedTransport(
  feed: FeedName,
  session: Pick<Session, "accessToken">,
  fetchIt: typeof fetch = fetch,
): Transport {
  return {
    async unary(method, signal, timeoutMs, _header, input) {
      const message = create(method.input, input);
      const json = toJson(method.input, message);
      const { verb, path } = routeOf(method, json);
      const { headers, body } = await restCall(
        { session, fetchIt },
        {
          verb,
          path: `/v1/feeds/${feed}${path}`,
          ...(verb === "GET"
            ? {}
            : {
                body: JSON.stringify(json),
                headers: { "content-type": "application/json", "idempotency-key": newRequestId() },
              }),
          signal,
          timeoutMs,
        },
      );
      return {
        stream: false,
        service: method.parent,
        method,
        header: headers,
        trailer: new Headers(),
        // The schema checks what came.
        message: fromJson(method.output, body as Parameters<typeof fromJson>[1], { ignoreUnknownFields: true }),
      };
    },
    async stream(method) {
      throw new ConnectError(`${method.name} is not called from here`, Code.Unimplemented);
    },
  };
}

type Route = { readonly verb: "GET" | "POST" | "DELETE"; readonly path: string };

function routeOf(method: DescMethod, json: unknown): Route {
  const fields: Record<string, unknown> = { ...(typeof json === "object" ? json : {}) };
  const name = encodeURIComponent(String(fields.name ?? ""));
  switch (method) {
    case ConsumerService.method.listConsumers:
      return { verb: "GET", path: `/consumers${queryOf(fields)}` };
    case ConsumerService.method.replayConsumer:
      return { verb: "POST", path: `/consumers/${name}:replay` };
    case ConsumerService.method.deleteConsumer:
      return { verb: "DELETE", path: `/consumers/${name}` };
    case EventService.method.readEvents:
      return { verb: "GET", path: `/events${queryOf(fields)}` };
    default:
      throw new ConnectError(`${method.name} is not called from here`, Code.Unimplemented);
  }
}

function queryOf(fields: Readonly<Record<string, unknown>>): string {
  const pairs = Object.entries(fields).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value]).map((one): [string, string] => [name, String(one)]),
  );
  return pairs.length === 0 ? "" : `?${new URLSearchParams(pairs)}`;
}

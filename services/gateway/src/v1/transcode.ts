import type { DescMethodServerStreaming, DescMethodUnary } from "@bufbuild/protobuf";
import {
  type DescField,
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import { accessRule } from "@sagacart/chassis/auth/access";
import { jsonViolations } from "@sagacart/chassis/rpc/strict-json";
import { callerLeft } from "@sagacart/rest/caller-left";
import { EdgeError, invalidRequest } from "@sagacart/rest/problem";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { cachingOf } from "../edge/caching.ts";
import { isSignInMethod } from "../edge/limits.ts";
import type { Services } from "../services.ts";
import type { Binding } from "./bindings.ts";
import { requiredEtags, sendTagged, withEtags } from "./conditional.ts";
import { isObject, type Query, write, writeQuery } from "./query.ts";
import { readJson } from "./read-json.ts";
import { routerPath } from "./router-path.ts";
import { unaryCall } from "./unary-call.ts";

/** The parts of a request besides its verb. */
export type RestRequest = {
  readonly path: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: JsonValue | undefined;
  readonly idempotencyKey: string | undefined;
  readonly guestToken: string | undefined;
  /** The etag that the resource must have, from If-Match. */
  readonly etag?: string | undefined;
};

/** Serves /v1: each annotated rpc, with its path, query, body and answer in proto3's JSON mapping. */
export function serveBindings(app: FastifyInstance, services: Services, bindings: readonly Binding[]): void {
  for (const binding of bindings) {
    const call = unaryCall(binding.method, services.transportTo(binding.method.parent, binding.at));
    const locate = locationOf(binding, bindings);
    app.route({
      config: {
        open: accessRule(binding.method).anyone,
        signIn: isSignInMethod(binding.method),
        caching: cachingOf(binding.method),
      },
      method: binding.verb,
      url: routerPath(
        binding.template,
        binding.path.map(({ parameter }) => parameter),
      ),
      async handler(request, reply) {
        const etags = requiredEtags(binding, request);
        const parts = partsOf(request);
        const answer = await withEtags(etags, (etag) => call(decode(binding, { ...parts, etag }), callerLeft(reply)));
        const json = encode(binding.method.output, answer);
        const location = locate?.(json);
        if (location !== undefined) {
          reply.header("location", location);
        }
        return sendTagged(request, reply, { binding, json, text: JSON.stringify(json) });
      },
    });
  }
}

export type AnyBinding = Binding<DescMethodUnary | DescMethodServerStreaming>;

/** Decodes the request message. The path takes precedence over the body. Throws EdgeError that names every wrong field. */
export function decode(binding: AnyBinding, request: RestRequest): Message {
  const { method, body, path, requestId, guestToken, etags } = binding;
  const json: JsonObject = {};
  if (body === "*") {
    Object.assign(json, objectOf(request.body));
  } else if (body !== undefined) {
    // A copy: fields of the path, and the etag, are written into it.
    json[body.jsonName] = { ...objectOf(request.body) };
  } else if (request.body !== undefined) {
    throw new EdgeError("MALFORMED_REQUEST", `${binding.verb} ${binding.template} takes no body`);
  }
  const wrong = writeQuery(json, request.query, binding);
  for (const { parameter, fields } of path) {
    write(json, fields, request.path[parameter] ?? "");
  }
  if (requestId !== undefined) {
    write(json, [requestId], idempotencyKeyOf(request));
  }
  if (guestToken !== undefined && request.guestToken !== undefined) {
    write(json, [guestToken], request.guestToken);
  }
  if (request.etag !== undefined && etags.inRequest !== undefined) {
    requireEtag(json, etags.inRequest, request.etag);
  }
  const violations = [...wrong, ...jsonViolations(method.input, json)];
  if (violations.length > 0) {
    throw invalidRequest(violations);
  }
  try {
    return fromJson(method.input, json);
  } catch (error) {
    // What is no matter of one field, such as two fields of which only one may be set.
    throw invalidRequest([
      { field: "", rule: "json", message: error instanceof Error ? error.message : String(error) },
    ]);
  }
}

/** Writes the etag of If-Match. Throws if the request names another one too: it cannot fulfil both conditions. */
function requireEtag(json: JsonObject, fields: readonly DescField[], etag: string): void {
  let given: JsonValue | undefined = json;
  for (const { jsonName, name } of fields) {
    given = isObject(given) ? (given[jsonName] ?? given[name]) : undefined;
  }
  if (given !== undefined && given !== "" && given !== etag) {
    const field = fields.map(({ jsonName }) => jsonName).join(".");
    throw invalidRequest([{ field: "If-Match", rule: "same", message: `must be the same as ${field}, or left out` }]);
  }
  write(json, fields, etag);
}

/** Encodes a message with every field, zero and empty ones too: readers of JSON have no schema. */
export function encode(schema: DescMessage, message: Message): JsonValue {
  return toJson(schema, message, { alwaysEmitImplicit: true });
}

export function sendJson(reply: FastifyReply, json: JsonValue): FastifyReply {
  return reply.type("application/json; charset=utf-8").send(JSON.stringify(json));
}

/** Returns the parts of a request; its body is parsed here, from bytes. */
export function partsOf(request: FastifyRequest): RestRequest {
  const { "idempotency-key": key, "guest-token": guestToken } = request.headers;
  return {
    // The router returns strings for the template's parameters, and the query parser strings or lists of them.
    path: request.params as Readonly<Record<string, string>>,
    query: request.query as Query,
    body: readJson(request.body),
    idempotencyKey: Array.isArray(key) ? key[0] : key,
    guestToken: Array.isArray(guestToken) ? guestToken[0] : guestToken,
  };
}

function objectOf(body: JsonValue | undefined): JsonObject {
  if (body === undefined) {
    return {};
  }
  if (!isObject(body)) {
    throw invalidRequest([{ field: "", rule: "type", message: "the body must be a JSON object" }]);
  }
  return body;
}

function idempotencyKeyOf({ idempotencyKey }: RestRequest): string {
  if (idempotencyKey === undefined || idempotencyKey === "") {
    throw new EdgeError(
      "IDEMPOTENCY_KEY_REQUIRED",
      "Idempotency-Key: the header is needed here; a repeat with the same key does nothing twice",
      { violations: [{ field: "Idempotency-Key", rule: "required", message: "the header is needed" }] },
    );
  }
  if (!/^[\x21-\x7e]{1,128}$/.test(idempotencyKey)) {
    const message = "must be 1 to 128 visible ASCII characters";
    throw invalidRequest([{ field: "Idempotency-Key", rule: "pattern", message }]);
  }
  return idempotencyKey;
}

/** Returns a function for the Location of what a POST created: `POST /v1/orders` creates what `GET /v1/orders/{id}` reads. */
function locationOf(binding: Binding, all: readonly Binding[]): ((json: JsonValue) => string | undefined) | undefined {
  const reader = all.find(
    ({ verb, template, path }) =>
      verb === "GET" && path.length === 1 && template.startsWith(`${binding.template}/{`) && template.endsWith("}"),
  );
  const id = reader?.path[0]?.fields[0];
  const made = binding.method.output.fields.find(({ message }) =>
    message?.fields.some(({ name }) => name === id?.name),
  );
  if (binding.verb !== "POST" || id === undefined || made === undefined) {
    return undefined;
  }
  return (json) => {
    const resource = isObject(json) ? json[made.jsonName] : undefined;
    const value = isObject(resource) ? resource[id.jsonName] : undefined;
    return typeof value === "string" ? `${binding.template}/${encodeURIComponent(value)}` : undefined;
  };
}

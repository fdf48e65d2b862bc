import {
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  getOption,
} from "@bufbuild/protobuf";
import { isUnary } from "@sagacart/chassis/rpc/method-kind";
import { body_only } from "@sagacart/proto/auth/v1/access";
import { http } from "@sagacart/proto/google/api/annotations";
import type { HttpRule } from "@sagacart/proto/google/api/http";
import type { ServiceName } from "../services.ts";
import { type Etags, etagsOf } from "./etags.ts";
import { type QueryParameter, queryParameters } from "./query.ts";

export type Verb = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** How one rpc is served over REST, parsed from its google.api.http annotation. */
export type Binding<M extends DescMethodUnary | DescMethodServerStreaming = DescMethodUnary> = {
  readonly method: M;
  readonly verb: Verb;
  /** As annotated: `/v1/orders/{id}:pay`. */
  readonly template: string;
  /** The fields in the path, by the router's name of the parameter. */
  readonly path: readonly PathField[];
  /** The whole message, one field of it, or none. */
  readonly body: "*" | DescField | undefined;
  /** The query parameters by name, in both spellings. Empty if the body is the whole message. */
  readonly query: ReadonlyMap<string, QueryParameter>;
  /** The field that Idempotency-Key fills; only for POSTs that create something. */
  readonly requestId: DescField | undefined;
  /** The fields that no query sets, because they do not belong in a URL, in both spellings. */
  readonly bodyOnly: ReadonlySet<string>;
  /** The process that serves it, if several do. */
  readonly at?: ServiceName;
  /** The name of a route that a method has besides its first one: `search`. */
  readonly variant?: string;
  /** The field that the header Guest-Token fills. It opens a guest's cart, so it must not be in a URL, which gets logged. */
  readonly guestToken: DescField | undefined;
  /** Where the etag of its resource is. */
  readonly etags: Etags;
};

export type PathField = {
  /** The parameter's name in the router, which allows no dots. */
  readonly parameter: string;
  /** The fields that lead to it, outermost first: `{product.id}` has two. */
  readonly fields: readonly DescField[];
};

/** Returns the bindings of these services, in their order. Throws if an annotation names an unknown field. */
export function bindingsOf(services: Iterable<DescService>): readonly Binding[] {
  return [...services].flatMap((service) => service.methods.flatMap(bindingsOfMethod));
}

/** Returns true for a field that must not be in a URL: one that is personal, or that opens something. */
export function isBodyOnly(field: DescField): boolean {
  return getOption(field, body_only);
}

/** Returns true for annotated methods: those that callers from outside may use. */
export function isAnnotated(method: DescMethod): boolean {
  return getOption(method, http).pattern.case !== undefined;
}

/** Makes a binding for an rpc without an annotation. */
export function bind<M extends DescMethodUnary | DescMethodServerStreaming>(
  method: M,
  { verb, template, body: bodyName }: { verb: Verb; template: string; body: string },
): Binding<M> {
  const path = [...template.matchAll(/\{([a-z0-9_.]+)\}/g)].map(([, name = ""], index) => ({
    parameter: `p${index}`,
    fields: fieldsAt(method.input, name),
  }));
  const body = bodyOf(method, bodyName);
  const inPath = new Set(path.map(({ fields }) => fields.map(({ name }) => name).join(".")));
  const guestToken = method.input.fields.find(({ name }) => name === "guest_token");
  const bodyOnly = method.input.fields.filter(isBodyOnly);
  const taken = (name: string) =>
    bodyOnly.some((field) => field.name === name) ||
    inPath.has(name) ||
    (body !== undefined && body !== "*" && name === body.name);
  return {
    method,
    verb,
    template,
    path,
    body,
    query: body === "*" ? new Map() : queryParameters(method.input, taken),
    requestId: verb === "POST" ? method.input.fields.find(({ name }) => name === "request_id") : undefined,
    guestToken,
    bodyOnly: new Set(bodyOnly.flatMap(({ name, jsonName }) => [name, jsonName])),
    etags: etagsOf(method, { isRead: verb === "GET", path }),
  };
}

function bindingsOfMethod(method: DescMethod): Binding[] {
  const rule = getOption(method, http);
  if (rule.pattern.case === undefined || !isUnary(method)) {
    return [];
  }
  const others = rule.additionalBindings.map((other) => {
    const binding = bindByRule(method, other);
    return { ...binding, variant: binding.template.split(":")[1] ?? binding.verb.toLowerCase() };
  });
  return [bindByRule(method, rule), ...others];
}

function bindByRule(method: DescMethodUnary, { pattern, body }: HttpRule): Binding {
  if (pattern.case === undefined || pattern.case === "custom") {
    throw new Error(`${method.toString()} is annotated with a verb of its own, which is not served`);
  }
  return bind(method, { verb: verbs[pattern.case], template: pattern.value, body });
}

const verbs = { get: "GET", post: "POST", put: "PUT", patch: "PATCH", delete: "DELETE" } as const;

function fieldsAt(message: DescMessage, path: string): readonly DescField[] {
  const fields: DescField[] = [];
  let inside: DescMessage | undefined = message;
  for (const name of path.split(".")) {
    const field: DescField | undefined = inside?.fields.find((candidate) => candidate.name === name);
    if (field === undefined) {
      throw new Error(`a path names ${path}, which ${message.typeName} does not have`);
    }
    fields.push(field);
    inside = field.message;
  }
  return fields;
}

function bodyOf(method: { input: DescMessage }, name: string): Binding["body"] {
  return name === "" || name === "*" ? name || undefined : fieldsAt(method.input, name)[0];
}

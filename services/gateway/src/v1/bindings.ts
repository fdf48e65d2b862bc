import {
  type DescField,
  type DescMessage,
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  type DescService,
  getOption,
} from "@bufbuild/protobuf";
import { http } from "@sagacart/proto/google/api/annotations";
import type { ServiceName } from "../services.ts";
import { type QueryParameter, queryParameters } from "./query.ts";

export type Verb = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

/** How one rpc is served over REST: its google.api.http annotation, taken apart once. */
export type Binding<M extends DescMethodUnary | DescMethodServerStreaming = DescMethodUnary> = {
  readonly method: M;
  readonly verb: Verb;
  /** As annotated: `/v1/orders/{id}:pay`. */
  readonly template: string;
  /** The fields that the path has, by the name of the parameter in the router. */
  readonly path: readonly PathField[];
  /** The whole message, one field of it, or none. */
  readonly body: "*" | DescField | undefined;
  /** What may stand in the query, by name (in both spellings). Empty where the body is the whole message. */
  readonly query: ReadonlyMap<string, QueryParameter>;
  /** The field that Idempotency-Key fills; only on POSTs that make something. */
  readonly requestId: DescField | undefined;
  /** Which process serves it, where several do. */
  readonly at?: ServiceName;
  /** The field that the header Guest-Token fills: what opens a guest's cart is no part of a URL, which others see. */
  readonly guestToken: DescField | undefined;
};

export type PathField = {
  /** The parameter's name in the router, which takes no dots. */
  readonly parameter: string;
  /** The fields that lead to it, outermost first: `{product.id}` has two. */
  readonly fields: readonly DescField[];
};

/** The bindings of these services, in their order. Throws when an annotation names what is not there. */
export function bindingsOf(services: Iterable<DescService>): readonly Binding[] {
  return [...services].flatMap((service) => service.methods.map(bindingOf).filter((binding) => binding !== undefined));
}

/** Whether callers from outside may use a method: it is annotated. */
export function isAnnotated(method: DescMethod): boolean {
  return getOption(method, http).pattern.case !== undefined;
}

/** A binding by hand, for an rpc without an annotation. */
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
  const taken = (name: string) =>
    name === guestToken?.name || inPath.has(name) || (body !== undefined && body !== "*" && name === body.name);
  return {
    method,
    verb,
    template,
    path,
    body,
    query: body === "*" ? new Map() : queryParameters(method.input, taken),
    requestId: verb === "POST" ? method.input.fields.find(({ name }) => name === "request_id") : undefined,
    guestToken,
  };
}

function bindingOf(method: DescMethod): Binding | undefined {
  const { pattern, body } = getOption(method, http);
  if (pattern.case === undefined || !isUnary(method)) {
    return undefined;
  }
  if (pattern.case === "custom") {
    throw new Error(`${method.toString()} is annotated with a verb of its own, which is not served`);
  }
  return bind(method, { verb: verbs[pattern.case], template: pattern.value, body });
}

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
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

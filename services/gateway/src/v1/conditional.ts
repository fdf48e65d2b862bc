import { createHash } from "node:crypto";
import type { JsonValue } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { EdgeError, invalidRequest, UnmetPrecondition } from "@sagacart/rest/problem";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Binding } from "./bindings.ts";
import type { Etags } from "./etags.ts";
import { isObject } from "./query.ts";

/**
 * Makes the ETag of a representation: the resource's etag, and a hash of the JSON. The resource's etag alone would not do
 * for If-None-Match, since a representation may change without it: the stock of a product, the availability of a cart's
 * lines. Returns undefined if the answer has no etag.
 */
function entityTagOf({ inAnswer }: Etags, json: JsonValue, text: string): string | undefined {
  let value: JsonValue | undefined = json;
  for (const { jsonName } of inAnswer ?? []) {
    value = isObject(value) ? value[jsonName] : undefined;
  }
  if (typeof value !== "string" || !isTagText(value)) {
    return undefined;
  }
  return `"${value}.${createHash("sha256").update(text).digest("base64url").slice(0, hashLength)}"`;
}

const hashLength = 16;

/** Returns true for a text that can stand in a quoted entity tag. */
function isTagText(text: string): boolean {
  return /^[\x21\x23-\x7e]+$/.test(text);
}

/** Returns true if the caller has this representation already, so that the answer is 304. */
function isNotModified({ headers }: FastifyRequest, entityTag: string): boolean {
  const given = headers["if-none-match"];
  return (
    given !== undefined && (given.trim() === "*" || tagsIn(given, "If-None-Match").some(({ tag }) => tag === entityTag))
  );
}

/**
 * The etags that If-Match names, one of which the resource must have; `[undefined]` without a condition. `*` is none,
 * since methods fail with NOT_FOUND anyway if the resource does not exist. Accepts an ETag of an answer, and the quoted
 * `etag` of a resource. Throws for a condition on a method that cannot check it: ignoring it could lose a change.
 */
export function requiredEtags(
  { verb, template, etags }: Binding,
  { headers }: FastifyRequest,
): readonly (string | undefined)[] {
  if (verb !== "GET" && headers["if-none-match"] !== undefined) {
    throw invalidRequest([{ field: "If-None-Match", rule: "unsupported", message: "is supported for GET only" }]);
  }
  const given = headers["if-match"];
  if (given === undefined || given.trim() === "*" || verb === "GET") {
    return [undefined];
  }
  if (etags.inRequest === undefined) {
    const message = `${verb} ${template} changes nothing with an etag, so it cannot check one; leave the header out`;
    throw invalidRequest([{ field: "If-Match", rule: "unsupported", message }]);
  }
  return tagsIn(given, "If-Match").map(({ tag, isWeak }) => (isWeak ? noEtag : etagOf(tag)));
}

/** An etag that no resource has. Weak tags never match, and the method must still check the caller's access first. */
const noEtag = "-";

/** The resource's etag in an entity tag: what precedes the hash, if there is one. */
function etagOf(tag: string): string {
  const text = tag.slice(1, -1);
  const etag = text.at(-hashLength - 1) === "." ? text.slice(0, -hashLength - 1) : text;
  // Longer ones break the rules of the contract; no service makes them.
  return etag === "" || etag.length > 40 || !isTagText(etag) ? noEtag : etag;
}

const maxTags = 20;

function tagsIn(header: string, name: string): readonly { readonly tag: string; readonly isWeak: boolean }[] {
  const parts = header.match(/(?:W\/)?"[^"]*"/g) ?? [];
  if (
    parts.length === 0 ||
    parts.length > maxTags ||
    header
      .replaceAll(/(?:W\/)?"[^"]*"/g, "")
      .trim()
      .replaceAll(/[\s,]/g, "") !== ""
  ) {
    const message = `must be * or up to ${maxTags} quoted etags, separated by commas`;
    throw invalidRequest([{ field: name, rule: "format", message }]);
  }
  return parts.map((part) => ({ tag: part.replace(/^W\//, ""), isWeak: part.startsWith("W/") }));
}

/** Runs a conditional call with each of the etags, until one is the resource's. At most one call changes anything. */
export async function withEtags<T>(
  etags: readonly (string | undefined)[],
  call: (etag: string | undefined) => Promise<T>,
): Promise<T> {
  let mismatch: ConnectError | undefined;
  for (const etag of etags) {
    try {
      return await call(etag);
    } catch (error) {
      if (etag === undefined || !(error instanceof ConnectError) || errorInfo(error).reason !== "ETAG_MISMATCH") {
        throw error;
      }
      mismatch = error;
    }
  }
  throw mismatch === undefined ? new EdgeError("INTERNAL", "no etag to call with") : new UnmetPrecondition(mismatch);
}

/** Sends an answer with its ETag, or 304 without a body. */
export function sendTagged(
  request: FastifyRequest,
  reply: FastifyReply,
  { binding, json, text }: { binding: Binding; json: JsonValue; text: string },
): FastifyReply {
  const entityTag = tagsAnswer(binding) ? entityTagOf(binding.etags, json, text) : undefined;
  if (entityTag !== undefined) {
    reply.header("etag", entityTag);
    if (binding.verb === "GET" && isNotModified(request, entityTag)) {
      return reply.code(304).send();
    }
  }
  return reply.type("application/json; charset=utf-8").send(text);
}

/** Returns true if the answer is the resource that the path names, so that an ETag describes it. */
export function tagsAnswer({ verb, etags }: Pick<Binding, "verb" | "etags">): boolean {
  return etags.inAnswer !== undefined && (verb === "GET" || verb === "PUT" || verb === "PATCH");
}

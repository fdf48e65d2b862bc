import { create, toBinary } from "@bufbuild/protobuf";
import {
  type Violation,
  ViolationSchema,
  ViolationsSchema,
} from "@bufbuild/protovalidate/gen/buf/validate/validate_pb.js";
import type { ConnectError } from "@connectrpc/connect";
import { type ErrorInfo, ErrorInfoSchema } from "@sagacart/proto/google/rpc/error_details";
import { shorten } from "./shorten.ts";

/**
 * The bounds of an error on the wire. gRPC sends it as trailers: the message percent-encoded, and again with all details
 * in base64. gRPC for Java takes 8 KiB of them, others a little more; what is past that is lost with its status, and the
 * caller sees an INTERNAL error of the connection instead.
 */
const bounds = {
  message: 700,
  metadataKey: 63,
  metadataValue: 200,
  metadataList: 1_000,
  metadata: 1_500,
  details: 3_000,
} as const;

/**
 * How many violations of one request are looked for. A caller who sends half a million wrong items learns no more from the
 * last than from the first, and finding them would hold up everybody else.
 */
export const mostViolations = 20;

/** Shortens a message. */
export function boundedMessage(message: string): string {
  return shorten(message, bounds.message);
}

/**
 * Shortens each value, and leaves out the entries that are too many. Of a long JSON list the first elements are kept, and
 * the entry `<key>_left_out` says how many are not.
 */
export function boundedMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  const kept: Record<string, string> = {};
  let size = 0;
  for (const [name, text] of Object.entries(metadata).flatMap(boundedEntry)) {
    size += Buffer.byteLength(name) + Buffer.byteLength(text) + entryBytes;
    if (size > bounds.metadata) {
      break;
    }
    kept[name] = text;
  }
  return kept;
}

type Entry = [name: string, text: string];

function boundedEntry([key, value]: Entry): Entry[] {
  const name = shorten(key, bounds.metadataKey);
  const elements = Buffer.byteLength(value) > bounds.metadataValue ? elementsOf(value) : undefined;
  if (elements === undefined) {
    return [[name, shorten(value, bounds.metadataValue)]];
  }
  // Each element is followed by a comma or the closing bracket.
  let size = 1;
  const end = elements.findIndex((element) => {
    size += Buffer.byteLength(element) + 1;
    return size > bounds.metadataList;
  });
  const text = `[${(end === -1 ? elements : elements.slice(0, end)).join(",")}]`;
  return end === -1
    ? [[name, text]]
    : [
        [name, text],
        [`${name}_left_out`, String(elements.length - end)],
      ];
}

/** Returns the elements of a JSON list as JSON, or undefined for other texts. */
function elementsOf(text: string): string[] | undefined {
  if (!text.startsWith("[")) {
    return undefined;
  }
  try {
    const list: unknown = JSON.parse(text);
    return Array.isArray(list) ? list.map((element) => JSON.stringify(element)) : undefined;
  } catch {
    return undefined;
  }
}

/** The tags and lengths of an entry of a map. */
const entryBytes = 6;

type Details = ConnectError["details"];

/**
 * Shortens an error's details. Of very many violations the first are kept, and the metadata `violations_left_out` says
 * how many are not.
 */
export function boundedDetails(error: ConnectError): Details {
  if (sizeOf(error.details) <= bounds.details) {
    return error.details;
  }
  const infos = error.findDetails(ErrorInfoSchema).map(boundedInfo);
  const others = error.details.filter((detail) => !rebuilt.has(typeOf(detail)));
  const details: Details = [...infos.map((value) => ({ desc: ErrorInfoSchema, value })), ...others];
  const violations = error.findDetails(ViolationsSchema).flatMap((found) => found.violations.map(boundedViolation));
  const kept = firstWithin(bounds.details - sizeOf(details), violations);
  const leftOut = violations.length - kept.length;
  for (const { metadata } of leftOut > 0 ? infos : []) {
    metadata.violations_left_out = String(leftOut);
  }
  const value = create(ViolationsSchema, { violations: kept });
  return kept.length === 0 ? details : [...details, { desc: ViolationsSchema, value }];
}

const rebuilt: ReadonlySet<string> = new Set([ErrorInfoSchema.typeName, ViolationsSchema.typeName]);

function boundedInfo({ reason, domain, metadata }: ErrorInfo): ErrorInfo {
  return create(ErrorInfoSchema, { reason, domain, metadata: boundedMetadata(metadata) });
}

function boundedViolation({ field, ruleId, message, forKey }: Violation): Violation {
  const elements = field?.elements.map((element) => {
    const { subscript } = element;
    return subscript.case === "stringKey"
      ? { ...element, subscript: { ...subscript, value: shorten(subscript.value, bounds.metadataKey) } }
      : element;
  });
  const bounded = { ruleId, message: shorten(message, bounds.metadataValue), forKey };
  return create(ViolationSchema, elements === undefined ? bounded : { ...bounded, field: { elements } });
}

function firstWithin(maxBytes: number, violations: readonly Violation[]): Violation[] {
  let size = 0;
  const end = violations.findIndex((violation) => {
    size += toBinary(ViolationSchema, violation).length + entryBytes;
    return size > maxBytes;
  });
  return end === -1 ? [...violations] : violations.slice(0, end);
}

function sizeOf(details: Details): number {
  return details.reduce((size, detail) => size + bytesOf(detail), 0);
}

function bytesOf(detail: Details[number]): number {
  return "desc" in detail ? toBinary(detail.desc, create(detail.desc, detail.value)).length : detail.value.length;
}

function typeOf(detail: Details[number]): string {
  return "desc" in detail ? detail.desc.typeName : detail.type;
}

import { DomainError } from "@sagacart/chassis/errors";
import type { WebhookEndpoint } from "@sagacart/proto/notifier/v1/webhook";
import type { EndpointContent } from "./endpoint.ts";
import { reasons } from "./reasons.ts";
import { readEndpointUrl, type UrlRules } from "./url.ts";
import { contentModeOf } from "./wire.ts";

/** Reads the content of a new endpoint. Throws WEBHOOK_URL_REFUSED. */
export async function readContent(requested: WebhookEndpoint | undefined, rules: UrlRules): Promise<EndpointContent> {
  return {
    url: await readEndpointUrl(requested?.url ?? "", rules),
    eventTypes: requested?.eventTypes ?? [],
    description: requested?.description ?? "",
    contentMode: contentModeOf(requested?.contentMode ?? 0) ?? "STRUCTURED",
    enabled: requested?.enabled ?? true,
  };
}

export type Update = { id: string; etag: string; changes: Partial<EndpointContent> };

/** Reads the changes of an endpoint. Throws WEBHOOK_URL_REFUSED, EMPTY_FIELD or UNKNOWN_FIELD. */
export async function readUpdate(
  requested: WebhookEndpoint | undefined,
  paths: readonly string[],
  rules: UrlRules,
): Promise<Update> {
  if (requested === undefined) {
    throw new Error("validation let an update without an endpoint through");
  }
  const named = paths.length === 0 ? changeable.filter((path) => isSet(requested, path)) : paths;
  const changes: Partial<EndpointContent> = Object.assign({}, ...named.map((path) => change(requested, path)));
  const { url } = changes;
  return {
    id: requested.id,
    etag: requested.etag,
    changes: url === undefined ? changes : { ...changes, url: await readEndpointUrl(url, rules) },
  };
}

const changeable = ["url", "event_types", "description", "enabled", "content_mode"] as const;

function isSet(requested: WebhookEndpoint, path: (typeof changeable)[number]): boolean {
  switch (path) {
    case "event_types":
      return requested.eventTypes.length > 0;
    case "content_mode":
      return contentModeOf(requested.contentMode) !== undefined;
    case "enabled":
      return requested.enabled !== undefined;
    default:
      return requested[path] !== "";
  }
}

/** Returns the change for a path of the mask. The URL and the event types cannot be cleared. */
function change(requested: WebhookEndpoint, path: string): Partial<EndpointContent> {
  switch (path) {
    case "description":
      return { description: requested.description };
    case "enabled":
      return { enabled: requested.enabled ?? true };
    case "content_mode":
      return { contentMode: contentModeOf(requested.contentMode) ?? "STRUCTURED" };
    case "url":
      return { url: notEmpty(path, requested.url) };
    case "event_types":
      return { eventTypes: notEmpty(path, requested.eventTypes) };
    default: {
      const message = `update_mask names ${JSON.stringify(path)}; the fields that can be changed are ${changeable.join(", ")}`;
      throw new DomainError(reasons, "UNKNOWN_FIELD", message, { path });
    }
  }
}

function notEmpty<T extends { readonly length: number }>(path: string, value: T): T {
  if (value.length === 0) {
    throw new DomainError(reasons, "EMPTY_FIELD", `endpoint.${path} must not be empty`, { path });
  }
  return value;
}

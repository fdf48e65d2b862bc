import { DomainError } from "@sagacart/chassis/errors";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { type EndpointContent, sameContent } from "./endpoint.ts";
import {
  countEndpoints,
  deleteEndpoint,
  giveUpPending,
  insertEndpoint,
  lockEndpoint,
  updateEndpoint,
} from "./endpoint-store.ts";
import { endpointNotFound, reasons } from "./reasons.ts";
import { expireSecret, insertSecret } from "./secret-store.ts";

/** Creates an endpoint and its secret. Throws WEBHOOK_ENDPOINT_EXISTS or TOO_MANY_WEBHOOK_ENDPOINTS. */
export async function createEndpoint(tx: Transaction, id: string, content: EndpointContent): Promise<void> {
  if ((await countEndpoints(tx)) >= endpointLimit) {
    const message = `there are ${endpointLimit} webhook endpoints already; delete one first`;
    throw new DomainError(reasons, "TOO_MANY_WEBHOOK_ENDPOINTS", message);
  }
  if (!(await insertEndpoint(tx, id, content))) {
    const message = `webhook endpoint ${id} exists already; choose another id`;
    throw new DomainError(reasons, "WEBHOOK_ENDPOINT_EXISTS", message, { endpoint_id: id });
  }
  await insertSecret(tx, id);
}

/**
 * Changes an endpoint; an etag of "" matches any version. Disabling it gives up its pending deliveries. A change that alters
 * nothing makes no new version. Throws WEBHOOK_ENDPOINT_NOT_FOUND or ETAG_MISMATCH.
 */
export async function editEndpoint(
  tx: Transaction,
  { id, etag, changes }: { id: string; etag: string; changes: Partial<EndpointContent> },
): Promise<void> {
  const endpoint = await lockEndpoint(tx, id);
  if (endpoint === undefined) {
    throw endpointNotFound(id);
  }
  const content = { ...endpoint, ...changes };
  const same = sameContent(endpoint, content);
  // A repeat of the change that made the current version.
  const repeated = same && etag === String(endpoint.version - 1n);
  if (!repeated) {
    refuseOtherEtag(id, etag, endpoint.version);
  }
  if (same) {
    return;
  }
  const resetsFailures = content.url !== endpoint.url || (content.enabled && !endpoint.enabled);
  await updateEndpoint(tx, id, { ...content, resetsFailures });
  if (endpoint.enabled && !content.enabled) {
    await giveUpPending(tx, id);
  }
}

/**
 * Deletes an endpoint and its deliveries in steps. Returns false if more is left to delete. Throws ETAG_MISMATCH.
 */
export async function removeEndpoint(tx: Transaction, { id, etag }: { id: string; etag: string }): Promise<boolean> {
  const endpoint = await lockEndpoint(tx, id);
  if (endpoint === undefined) {
    return true;
  }
  refuseOtherEtag(id, etag, endpoint.version);
  return await deleteEndpoint(tx, id);
}

/** Creates a new secret; the former one signs, too, for `overlapMs`. Returns its id. Throws WEBHOOK_ENDPOINT_NOT_FOUND. */
export async function rotateSecret(
  tx: Transaction,
  { endpointId, overlapMs }: { endpointId: string; overlapMs: number },
): Promise<string> {
  if ((await lockEndpoint(tx, endpointId)) === undefined) {
    throw endpointNotFound(endpointId);
  }
  await expireSecret(tx, endpointId, overlapMs);
  return await insertSecret(tx, endpointId);
}

// Each event is matched against every endpoint.
const endpointLimit = 200;

function refuseOtherEtag(id: string, etag: string, version: bigint): void {
  if (etag !== "" && etag !== String(version)) {
    const message = `webhook endpoint ${id} is at version ${version} now; read it and apply the change again`;
    throw new DomainError(reasons, "ETAG_MISMATCH", message, { endpoint_id: id, etag: String(version) });
  }
}

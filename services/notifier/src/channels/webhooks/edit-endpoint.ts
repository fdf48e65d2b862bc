import { DomainError } from "@sagacart/chassis/errors";
import type { Transaction } from "@sagacart/chassis/postgres/pool";
import { type EndpointContent, sameContent } from "./endpoint.ts";
import {
  buryPending,
  countEndpoints,
  deleteEndpoint,
  insertEndpoint,
  lockEndpoint,
  updateEndpoint,
} from "./endpoint-store.ts";
import { endpointNotFound, reasons } from "./reasons.ts";
import { expireSecret, insertSecret } from "./secret-store.ts";

/** Makes an endpoint and its secret. Fails with WEBHOOK_ENDPOINT_EXISTS and TOO_MANY_WEBHOOK_ENDPOINTS. */
export async function createEndpoint(tx: Transaction, id: string, content: EndpointContent): Promise<void> {
  if ((await countEndpoints(tx)) >= endpointLimit) {
    const message = `there are ${endpointLimit} webhook endpoints already; delete one first`;
    throw new DomainError(reasons, "TOO_MANY_WEBHOOK_ENDPOINTS", message);
  }
  if (!(await insertEndpoint(tx, id, content))) {
    const message = `there is a webhook endpoint ${id} already; choose a new id`;
    throw new DomainError(reasons, "WEBHOOK_ENDPOINT_EXISTS", message, { endpoint_id: id });
  }
  await insertSecret(tx, id);
}

/**
 * Changes an endpoint; an etag of "" is any. Where it is disabled, what it was still to get is given up. Fails with
 * WEBHOOK_ENDPOINT_NOT_FOUND and ETAG_MISMATCH. What changes nothing makes no new version.
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
  // Said twice: the version that this very change made of the one it was meant for.
  const repeated = same && etag === String(endpoint.version - 1n);
  if (!repeated) {
    refuseOtherEtag(id, etag, endpoint.version);
  }
  if (same) {
    return;
  }
  const forgetsFailures = content.url !== endpoint.url || (content.enabled && !endpoint.enabled);
  await updateEndpoint(tx, id, { ...content, forgetsFailures });
  if (endpoint.enabled && !content.enabled) {
    await buryPending(tx, id);
  }
}

/**
 * Forgets an endpoint and all that was for it; answers whether that is done, for it is done in steps. Fails with
 * ETAG_MISMATCH.
 */
export async function removeEndpoint(tx: Transaction, { id, etag }: { id: string; etag: string }): Promise<boolean> {
  const endpoint = await lockEndpoint(tx, id);
  if (endpoint === undefined) {
    return true;
  }
  refuseOtherEtag(id, etag, endpoint.version);
  return await deleteEndpoint(tx, id);
}

/** Makes a new secret, and lets the one before sign along. Answers its id. Fails with WEBHOOK_ENDPOINT_NOT_FOUND. */
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

/** Each event is matched with each of them. */
const endpointLimit = 200;

function refuseOtherEtag(id: string, etag: string, version: bigint): void {
  if (etag !== "" && etag !== String(version)) {
    const message = `webhook endpoint ${id} is at version ${version} by now; read it, and change it again`;
    throw new DomainError(reasons, "ETAG_MISMATCH", message, { endpoint_id: id, etag: String(version) });
  }
}

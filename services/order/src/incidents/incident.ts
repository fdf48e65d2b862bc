import { DomainError } from "@sagacart/chassis/errors";
import type { Actor } from "@sagacart/proto/type/v1/actor";
import { reasons } from "../reasons.ts";

export type IncidentState = "OPEN" | "RESOLVED";

/** A step of an order's saga that keeps failing. */
export type Incident = {
  readonly id: string;
  readonly orderId: string;
  readonly step: string;
  readonly workflowId: string;
  readonly error: string;
  readonly attempts: number;
  readonly state: IncidentState;
  readonly resolution: string;
  readonly retryRequestTime: Date | undefined;
  readonly retryRequestedBy: Actor | undefined;
  readonly resolvedBy: Actor | undefined;
  readonly createTime: Date;
  readonly updateTime: Date;
};

/** A failed attempt at a step. */
export type FailedAttempt = Pick<Incident, "orderId" | "step" | "workflowId" | "error" | "attempts">;

export function incidentNotFound(id: string): DomainError {
  return new DomainError(reasons, "INCIDENT_NOT_FOUND", `there is no incident ${id}`, { incident_id: id });
}

/** An incident that no workflow runs into, such as an open dispute: a person has to act. */
export function incidentNotRetryable({ id, orderId, step }: Incident): DomainError {
  const message = `incident ${id} is about a ${step}, which no workflow can retry; resolve it when it is dealt with`;
  return new DomainError(reasons, "INCIDENT_NOT_RETRYABLE", message, { incident_id: id, order_id: orderId });
}

export function incidentResolved({ id, orderId }: Incident): DomainError {
  const message = `incident ${id} is resolved; its saga keeps retrying by itself`;
  return new DomainError(reasons, "INCIDENT_RESOLVED", message, { incident_id: id, order_id: orderId });
}

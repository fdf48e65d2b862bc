import { DomainError } from "@sagacart/chassis/errors";
import type { Audit_Law } from "@sagacart/proto/order/v1/audit";
import { reasons } from "../reasons.ts";

export type AuditState = "RUNNING" | "CLEAN" | "BREACHED" | "FAILED" | "DID_NOT_FINISH";

/** A run of the audit. */
export type Audit = {
  readonly id: string;
  readonly state: AuditState;
  readonly startTime: Date;
  readonly endTime: Date | undefined;
  readonly laws: readonly Audit_Law[];
  readonly failure: string;
};

/** How an audit ended: with a verdict, or because it could not read all databases. */
export type AuditEnd =
  | { readonly state: "CLEAN" | "BREACHED"; readonly laws: readonly Audit_Law[] }
  | { readonly state: "FAILED"; readonly failure: string };

/** Returns the verdict on the laws that were checked. */
export function verdictOf(laws: readonly Audit_Law[]): AuditEnd {
  const isBreached = laws.some(({ breachCount, breaches }) => breachCount > 0 || breaches.length > 0);
  return { state: isBreached ? "BREACHED" : "CLEAN", laws };
}

export function auditNotFound(id: string): DomainError {
  return new DomainError(reasons, "AUDIT_NOT_FOUND", `there is no audit ${id}`, { audit_id: id });
}

import { networkOf } from "../client/network.ts";

/** A thing by its kind and id, for example a user. */
export type Named = { readonly kind: string; readonly id: string };

/** `refused` if the caller is to blame, `failed` if something of ours, or a service that it needs, did not work. */
export const outcomes = ["ok", "refused", "failed"] as const;
export type Outcome = (typeof outcomes)[number];

/** A line of the log. */
export type Line = {
  readonly time: string;
  readonly log: string;
  readonly service: string;
  readonly event: string;
  readonly outcome: Outcome;
  readonly reason: string;
  readonly actor: Named;
  readonly object: Named;
  readonly address: string;
  readonly requestId: string;
  readonly traceId: string;
  readonly factor?: string;
  readonly method?: string;
  readonly route?: string;
  readonly until?: string;
  /** How often it happened since the last line about it. */
  readonly count?: number;
};

/** Returns what events of a burst have in common: the caller, and the rule that they broke. */
export function burstOf({ event, reason, actor, address, object }: Line): string {
  const rule = object.kind === "limit" || object.kind === "control" ? object.id : "";
  const caller = address === "" ? "" : networkOf(address);
  return JSON.stringify([event, reason, rule, actor.kind, actor.id, caller]);
}

/**
 * The events that are no calls of the contract, or that happen without one, too: on the pages of OpenID Connect, and at the
 * edge. docs/security/security-log.md says what each means.
 */
export const recordedEvents = [
  "access.refused",
  "authorization.refused",
  "authorization_code.reused",
  "connection.refused",
  "control.failed",
  "email.change_undone",
  "email.confirmed",
  "lock_out.began",
  "lock_out.ended",
  "password.reset",
  "password.reset_requested",
  "refresh_token.reused",
  "request.limited",
  "request.refused",
  "session.ended",
  "session.second_factor_requested",
  "session.started",
  "signing_key.made",
  "signing_key.removed",
  "tls.refused",
  "token.issued",
  "token.refused",
  "token.revoked",
  "user.registered",
] as const;

export type RecordedEvent = (typeof recordedEvents)[number];

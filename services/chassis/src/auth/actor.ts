import { create } from "@bufbuild/protobuf";
import { Actor_Kind, type Actor as ActorMessage, ActorSchema } from "@sagacart/proto/type/v1/actor";
import { callContext } from "../context.ts";
import type { Principal } from "./principal.ts";

/** The recorded author of an action. */
export type Actor = { readonly kind: "CUSTOMER" | "OPERATOR" | "SYSTEM"; readonly id: string };

/**
 * Returns who makes the current call. `owner` is the customer whose things it changes: that person is the CUSTOMER, also
 * with a role of the shop's people. `onBehalfOf` is the customer whom a program names as the one who acts, or "".
 *
 * Without tokens nobody is known: then it is the owner, or else a program.
 */
export function currentActor({ owner = "", onBehalfOf = "" }: { owner?: string; onBehalfOf?: string } = {}): Actor {
  const principal = callContext()?.principal;
  if (principal === undefined) {
    return owner === "" ? { kind: "SYSTEM", id: "" } : { kind: "CUSTOMER", id: owner };
  }
  const { kind, customerId, subject } = principal;
  if (kind === "service") {
    return onBehalfOf === "" ? { kind: "SYSTEM", id: subject } : { kind: "CUSTOMER", id: onBehalfOf };
  }
  return isStaff(principal) && (owner === "" || customerId !== owner)
    ? { kind: "OPERATOR", id: subject }
    : { kind: "CUSTOMER", id: customerId ?? subject };
}

/** Returns true for the shop's people: operators and support. */
export function isStaff({ kind, roles }: Principal): boolean {
  return kind === "person" && (roles.has("operator") || roles.has("support"));
}

/** The columns of a recorded actor; null for what was recorded before actors were. */
export type ActorRow = { actor_kind: Actor["kind"] | null; actor_id: string | null };

/** Returns the recorded actor as it goes over the wire, or undefined if none is recorded. */
export function actorMessage(kind: Actor["kind"] | null, id: string | null): ActorMessage | undefined {
  return kind === null ? undefined : create(ActorSchema, { kind: Actor_Kind[kind], id: id ?? "" });
}

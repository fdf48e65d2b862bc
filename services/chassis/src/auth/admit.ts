import type { DescMethod } from "@bufbuild/protobuf";
import { accessRule, permission } from "./access.ts";
import type { Principal } from "./principal.ts";
import { authError } from "./reasons.ts";

/**
 * Checks that the principal may call the method at the service `host`; throws TOKEN_MISSING, ROLE_REQUIRED or
 * SERVICE_NOT_ALLOWED if not. Returns the customer that the call is confined to: "" for no customer's resources at all,
 * undefined for all customers'.
 */
export function admit(method: DescMethod, principal: Principal | undefined, host: string): string | undefined {
  const rule = accessRule(method);
  const permitted = principal === undefined ? "no" : permission(rule, principal, host);
  if (permitted === "all") {
    return undefined;
  }
  if (permitted === "own" || rule.anyone) {
    return principal?.customerId ?? "";
  }
  if (principal === undefined) {
    throw authError("TOKEN_MISSING", "this needs a token: authorization: Bearer <token>");
  }
  if (principal.kind === "service") {
    const service = principal.serviceName;
    const message = `the contract does not name ${service || "this client"} among the services that may call ${method.name} at ${host}`;
    throw authError("SERVICE_NOT_ALLOWED", message, { service, host });
  }
  const roles = rule.roles.join(", ");
  throw authError("ROLE_REQUIRED", `${method.name} needs one of the roles ${roles}`, { roles });
}

/**
 * Confines the request to the customer: fills in an empty `customer_id`, and refuses another customer's. That happens
 * before any look-up, so the error does not reveal whether that customer exists: NOT_FOUND if the id is part of the
 * request's REST path, else NOT_YOURS.
 */
export function confine(method: DescMethod, message: unknown, customerId: string): void {
  const { customerField, customerInPath } = accessRule(method);
  if (customerField === undefined || typeof message !== "object" || message === null) {
    return;
  }
  const given: unknown = Reflect.get(message, customerField.localName);
  if (given === undefined || given === "") {
    Reflect.set(message, customerField.localName, customerId);
  } else if (given !== customerId) {
    const named = String(given);
    if (customerInPath) {
      throw authError("NOT_FOUND", `there is nothing of customer ${named}`, { customer_id: named });
    }
    throw authError("NOT_YOURS", "customer_id must be your own, or empty", { customer_id: named });
  }
}

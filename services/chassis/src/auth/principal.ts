import { createHash } from "node:crypto";

export const roleNames = ["customer", "support", "operator", "service"] as const;

/** A principal's role. `service` is for programs of the shop, the others are for people. */
export type RoleName = (typeof roleNames)[number];

/** The caller, as its token describes it. */
export type Principal = {
  readonly kind: "person" | "service";
  readonly issuer: string;
  /** The issuer's id of the caller; `service:order` for a service of ours. */
  readonly subject: string;
  /** The customer whose carts, orders and payments are the caller's own; undefined for services. */
  readonly customerId: string | undefined;
  /** The name of a program of the shop, for example `order`; "" for people, and for a program without a name of ours. */
  readonly serviceName: string;
  readonly roles: ReadonlySet<RoleName>;
  /** The email address of a person as the issuer knows it; "" if the token has none. */
  readonly email: string;
  /** True if the issuer has verified that the address is this person's. */
  readonly isEmailVerified: boolean;
  /** The id of the issuer's key that signed the token. */
  readonly keyId?: string | undefined;
  /** The session that the token was issued in. */
  readonly sessionId?: string | undefined;
  /** The user's version of tokens when this one was issued: earlier ones may be revoked. */
  readonly tokenVersion?: number | undefined;
  /** When the person last proved who they are, in ms since the epoch; undefined if the issuer does not say. */
  readonly authTimeMs?: number | undefined;
  /** True if they did so with a second factor, which the issuer tells by `mfa` in the claim `amr` (RFC 8176). */
  readonly hasSecondFactor?: boolean | undefined;
  /** True for support and operators whose token has not their roles: an application was not given them. */
  readonly isStaffWithoutRoles?: boolean | undefined;
  /** The application that the token was issued to; undefined for the shop's own sign-in, and with another issuer. */
  readonly application?: Application | undefined;
};

/** An application that a person signed in to by OpenID Connect. */
export type Application = { readonly id: string; readonly scopes: ReadonlySet<string> };

/** The claim `client_id` in tokens of the shop's own sign-in, which is for no application. */
export const ownClientId = "sagacart";

/** How to read an issuer's claims. */
export type ClaimRules = {
  /** The claim with the roles; dots make a path into objects, for example `realm_access.roles`. */
  rolesClaim: string;
  /**
   * The issuer's names for our roles; other names stand for themselves. The exception is `service` with derived ids: an
   * external issuer's users may name groups as they like, and with this role a client's id opens what that service may.
   */
  roleMap: ReadonlyMap<string, RoleName>;
  /** The issuer's names for the clients that are our programs; other names stand for themselves. */
  serviceMap?: ReadonlyMap<string, string> | undefined;
  /** The role of a caller without any. */
  defaultRole?: RoleName | undefined;
  /** `subject`: the customer's id is the subject; `derived`: it is derived from issuer and subject. */
  customerIds: "subject" | "derived";
};

type Claims = {
  readonly iss?: string | undefined;
  readonly sub?: string | undefined;
  readonly [claim: string]: unknown;
};

/** Reads the principal from verified claims; undefined if they identify neither a customer nor a service. */
export function principalOf(claims: Claims, rules: ClaimRules): Principal | undefined {
  const { iss: issuer, sub: subject } = claims;
  if (issuer === undefined || subject === undefined || subject === "") {
    return undefined;
  }
  const roles = rolesOf(claims, rules);
  if (roles.has("service")) {
    const serviceName = serviceNameOf(claims, subject, rules);
    const noPerson = { customerId: undefined, email: "", isEmailVerified: false };
    return { kind: "service", issuer, subject, serviceName, roles, ...noPerson };
  }
  const customerId = rules.customerIds === "subject" ? subject : derivedId(issuer, subject);
  // OpenID Connect's standard claims. Only the boolean counts: "false" is a string that is true.
  const email = typeof claims.email === "string" ? claims.email : "";
  const isEmailVerified = email !== "" && claims.email_verified === true;
  const person: Principal = {
    ...{ kind: "person", issuer, subject, serviceName: "" },
    ...{ customerId, roles, email, isEmailVerified },
  };
  const application = rules.customerIds === "subject" ? applicationOf(claims) : undefined;
  const isStaffWithoutRoles = application === undefined ? undefined : claims.staff === true;
  return isId(customerId) ? { ...person, ...signInOf(claims), application, isStaffWithoutRoles } : undefined;
}

/** Reads the application and its scopes (RFC 9068). Scopes of other issuers are their own. */
function applicationOf({ client_id: id, scope }: Claims): Application | undefined {
  if (typeof id !== "string" || id === ownClientId) {
    return undefined;
  }
  return { id, scopes: new Set(typeof scope === "string" ? scope.split(" ") : []) };
}

/** Reads what the claims say of the sign-in. */
function signInOf({ sid, token_version: version, auth_time: authTime, amr }: Claims) {
  return {
    ...(typeof sid === "string" ? { sessionId: sid } : {}),
    ...(typeof version === "number" ? { tokenVersion: version } : {}),
    ...(typeof authTime === "number" ? { authTimeMs: authTime * 1000 } : {}),
    ...(Array.isArray(amr) && amr.includes("mfa") ? { hasSecondFactor: true } : {}),
  };
}

/** Derives a customer's id for a user of another issuer: always the same, and unique. */
export function derivedId(issuer: string, subject: string): string {
  // JSON keeps pairs apart that would be the same text when concatenated.
  const hash = createHash("sha256")
    .update(JSON.stringify([issuer, subject]))
    .digest("base64url");
  return `c-${hash.slice(0, 32)}`;
}

/**
 * Returns the name of a program. Our own issuer has it in the subject, `service:order`; others in the client's id, in the
 * claim `client_id` (RFC 9068) or `azp` (OpenID Connect).
 */
function serviceNameOf(claims: Claims, subject: string, { customerIds, serviceMap }: ClaimRules): string {
  if (customerIds === "subject") {
    return subject.startsWith(ownPrefix) ? subject.slice(ownPrefix.length) : "";
  }
  const client = [claims.client_id, claims.azp].find((claim) => typeof claim === "string") ?? "";
  return typeof client === "string" ? (serviceMap?.get(client) ?? client) : "";
}

const ownPrefix = "service:";

function rolesOf(claims: Claims, { rolesClaim, roleMap, defaultRole, customerIds }: ClaimRules): Set<RoleName> {
  const given = valueAt(claims, rolesClaim);
  const texts = typeof given === "string" ? given.split(" ") : Array.isArray(given) ? given : [];
  const roles = new Set<RoleName>();
  for (const text of texts) {
    const mapped = roleMap.get(text);
    const role = mapped ?? roleNames.find((name) => name === text);
    const isClaimed = mapped === undefined && role === "service" && customerIds === "derived";
    if (role !== undefined && !isClaimed) {
      roles.add(role);
    }
  }
  if (roles.size === 0 && defaultRole !== undefined) {
    roles.add(defaultRole);
  }
  return roles;
}

/** Returns the claim of exactly that name, since claim names may be URLs with dots; else the one at the path. */
function valueAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) {
    return claims[path];
  }
  let value: unknown = claims;
  for (const key of path.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) {
      return undefined;
    }
    value = Object.getOwnPropertyDescriptor(value, key)?.value;
  }
  return value;
}

function isId(text: string): boolean {
  return /^[A-Za-z0-9._~-]{1,63}$/.test(text) && text !== "." && text !== "..";
}

import { createHash } from "node:crypto";

export const roleNames = ["customer", "support", "operator", "service"] as const;

/** What somebody is. `service` is a program of the shop; the others are people. */
export type RoleName = (typeof roleNames)[number];

/** Who calls, as their token says. */
export type Principal = {
  readonly kind: "person" | "service";
  readonly issuer: string;
  /** Who it is for the issuer; `service:order` for a service of ours. */
  readonly subject: string;
  /** Whose carts, orders and payments are this person's own; undefined for services. */
  readonly customerId: string | undefined;
  readonly roles: ReadonlySet<RoleName>;
};

/** How the claims of an issuer are read. */
export type ClaimRules = {
  /** Where the roles are: `roles`, or with dots a path into objects, as `realm_access.roles`. */
  rolesClaim: string;
  /**
   * The issuer's names for our roles; a name that is not here stands for itself. But not `service` of an issuer from
   * outside, whose ids are derived: its people name groups as they like, and this one may do what a workflow may.
   */
  roleMap: ReadonlyMap<string, RoleName>;
  /** The role of somebody who has none. */
  defaultRole?: RoleName | undefined;
  /** `subject`: the subject is the customer's id; `derived`: the id is made from issuer and subject. */
  customerIds: "subject" | "derived";
};

type Claims = {
  readonly iss?: string | undefined;
  readonly sub?: string | undefined;
  readonly [claim: string]: unknown;
};

/** Reads who it is out of verified claims; undefined where they name nobody. */
export function principalOf(claims: Claims, rules: ClaimRules): Principal | undefined {
  const { iss: issuer, sub: subject } = claims;
  if (issuer === undefined || subject === undefined || subject === "") {
    return undefined;
  }
  const roles = rolesOf(claims, rules);
  if (roles.has("service")) {
    return { kind: "service", issuer, subject, customerId: undefined, roles };
  }
  const customerId = rules.customerIds === "subject" ? subject : derivedId(issuer, subject);
  return isId(customerId) ? { kind: "person", issuer, subject, customerId, roles } : undefined;
}

/** The customer's id of somebody whom another issuer knows: always the same, and nobody else's. */
export function derivedId(issuer: string, subject: string): string {
  // JSON keeps apart what put together would be the same text.
  const hash = createHash("sha256")
    .update(JSON.stringify([issuer, subject]))
    .digest("base64url");
  return `c-${hash.slice(0, 32)}`;
}

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

/** The claim of that very name, since names of claims may be URLs; else the one at the path. */
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

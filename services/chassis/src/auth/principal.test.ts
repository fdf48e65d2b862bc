import { expect, test } from "vitest";
import { type ClaimRules, derivedId, principalOf } from "./principal.ts";

const ours: ClaimRules = { rolesClaim: "roles", roleMap: new Map(), customerIds: "subject" };
const keycloak: ClaimRules = {
  rolesClaim: "realm_access.roles",
  roleMap: new Map([["shop-admin", "operator"]]),
  defaultRole: "customer",
  customerIds: "derived",
};
const iss = "https://login.example/realms/shop";

test("roles are read from a path in the claims, by the issuer's names", () => {
  const principal = principalOf({ iss, sub: "f:1", realm_access: { roles: ["shop-admin", "offline"] } }, keycloak);
  expect(principal?.roles).toEqual(new Set(["operator"]));
});

test("the role service of an external issuer does not count; only the role map gives it", () => {
  const claims = { iss, sub: "f:1", realm_access: { roles: ["service"] } };
  expect(principalOf(claims, keycloak)).toMatchObject({ kind: "person", roles: new Set(["customer"]) });
  const mapped = { ...keycloak, roleMap: new Map([["service", "service" as const]]) };
  expect(principalOf(claims, mapped)).toMatchObject({ kind: "service", customerId: undefined });
  expect(principalOf({ iss, sub: "service:order", roles: ["service"] }, ours)).toMatchObject({ kind: "service" });
});

test.each([
  ["of our own issuer, in the subject", { sub: "service:order", client_id: "worker" }, ours, "order"],
  ["of our own issuer, with a subject that names none", { sub: "order" }, ours, ""],
  ["of another issuer, in client_id", { sub: "service:order", client_id: "worker", azp: "stock" }, mapped(), "worker"],
  ["of another issuer, in azp", { sub: "f:2", azp: "stock" }, mapped(), "stock"],
  ["by the issuer's name for it", { sub: "f:2", client_id: "shop-order" }, mapped(), "order"],
  ["of another issuer that names no client", { sub: "service:order" }, mapped(), ""],
])("a service's name %s", (_where, claims, rules, expected) => {
  const all = { iss, roles: ["service"], realm_access: { roles: ["service"] }, ...claims };
  expect(principalOf(all, rules)).toMatchObject({ kind: "service", serviceName: expected });
});

test("a person has no service's name, whatever the claims, and no person of ours has a service's subject", () => {
  const claims = { iss, sub: "service:order", roles: ["operator"], client_id: "order" };
  expect(principalOf(claims, { ...ours, customerIds: "derived" })).toMatchObject({ kind: "person", serviceName: "" });
  expect(principalOf(claims, ours)).toBeUndefined();
});

function mapped(): ClaimRules {
  const roleMap = new Map([["service", "service" as const]]);
  return { ...keycloak, roleMap, serviceMap: new Map([["shop-order", "order"]]) };
}

test("a claim's name may be a URL, and roles may be one text", () => {
  const rules = { ...ours, rolesClaim: "https://shop.example/roles" };
  const principal = principalOf({ iss, sub: "ada", "https://shop.example/roles": "support customer" }, rules);
  expect(principal?.roles).toEqual(new Set(["support", "customer"]));
});

test.each([
  ["verified", { email: "ada@shop.test", email_verified: true }, "ada@shop.test", true],
  ["not verified", { email: "ada@shop.test", email_verified: false }, "ada@shop.test", false],
  ["not said to be verified", { email: "ada@shop.test" }, "ada@shop.test", false],
  [
    "verified by a text, which is no boolean",
    { email: "ada@shop.test", email_verified: "true" },
    "ada@shop.test",
    false,
  ],
  ["absent", { email_verified: true }, "", false],
  ["no text", { email: ["ada@shop.test"], email_verified: true }, "", false],
])("an email address that is %s", (_what, claims, email, isEmailVerified) => {
  expect(principalOf({ iss, sub: "ada", ...claims }, ours)).toMatchObject({ email, isEmailVerified });
});

test("a service has no email address", () => {
  const claims = { iss, sub: "service:order", roles: ["service"], email: "order@shop.test", email_verified: true };
  expect(principalOf(claims, ours)).toMatchObject({ email: "", isEmailVerified: false });
});

test("a principal without a role gets the default role, or none", () => {
  expect(principalOf({ iss, sub: "f:1" }, keycloak)?.roles).toEqual(new Set(["customer"]));
  expect(principalOf({ iss, sub: "ada" }, ours)?.roles).toEqual(new Set());
  expect(principalOf({ iss, sub: "ada", roles: { operator: true } }, ours)?.roles).toEqual(new Set());
});

test("a user of an external issuer has a derived id, always the same and unique", () => {
  const id = principalOf({ iss, sub: "f:1:ada@example.org" }, keycloak)?.customerId;
  expect(id).toMatch(/^c-[A-Za-z0-9_-]{32}$/);
  expect(id).toBe(derivedId(iss, "f:1:ada@example.org"));
  const others = [derivedId(iss, "f:2"), derivedId(`${iss}f`, ":1:ada@example.org"), derivedId("", iss)];
  expect(new Set([id, ...others]).size).toBe(4);
});

test("claims without issuer or subject, or with an invalid id, give no principal", () => {
  expect(principalOf({ sub: "ada" }, ours)).toBeUndefined();
  expect(principalOf({ iss }, ours)).toBeUndefined();
  expect(principalOf({ iss, sub: "" }, ours)).toBeUndefined();
  expect(principalOf({ iss, sub: ".." }, ours)).toBeUndefined();
});

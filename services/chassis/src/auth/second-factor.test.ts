import { expect, test } from "vitest";
import { errorInfo } from "../errors.ts";
import type { AccessRule } from "./access.ts";
import type { Principal, RoleName } from "./principal.ts";
import { requireSecondFactor, type SecondFactorRules } from "./second-factor.ts";

const minutes = 60_000;

type Asked = SecondFactorRules["secondFactorOf"];
type SignedIn = { ageMs: number; mfa: boolean; isStaffWithoutRoles?: boolean };

function reasonFor(secondFactorOf: Asked, roles: RoleName[], rule: Partial<AccessRule>, signIn: SignedIn) {
  const principal: Principal = {
    ...{ kind: roles.includes("service") ? "service" : "person", issuer: "i", subject: "ada", customerId: "ada" },
    ...{ roles: new Set(roles), serviceName: "", email: "", isEmailVerified: false },
    ...{ authTimeMs: Date.now() - signIn.ageMs, hasSecondFactor: signIn.mfa },
    isStaffWithoutRoles: signIn.isStaffWithoutRoles,
  };
  const access: AccessRule = {
    ...{ anyone: false, roles: [], services: new Map(), freshSignIn: false, secondFactor: "any" as const },
    account: false,
    ...{ customerField: undefined, customerInPath: false, ...rule },
  };
  try {
    requireSecondFactor(principal, access, { secondFactorOf, freshSignInMs: 5 * minutes });
    return "OK";
  } catch (error) {
    return errorInfo(error).reason;
  }
}

const fresh = { secondFactor: "fresh" as const };
const old = { ageMs: 6 * minutes, mfa: true };
const none = { ageMs: 0, mfa: false };
const withoutRoles = { ...none, isStaffWithoutRoles: true };

const required = "SECOND_FACTOR_REQUIRED";

test.each([
  ["an operator without one", ["operator"], {}, none, required, required],
  ["support without one", ["customer", "support"], {}, none, required, required],
  ["an operator with an old one", ["operator"], {}, old, "OK", "OK"],
  ["an operator with an old one, where a fresh one is needed", ["operator"], fresh, old, required, required],
  ["an operator with a fresh one", ["operator"], fresh, { ageMs: minutes, mfa: true }, "OK", "OK"],
  ["an operator with a fresh password only", ["operator"], fresh, none, required, required],
  ["an operator who enrolls", ["operator"], { secondFactor: "none" as const }, none, "OK", "OK"],
  ["an operator at an open method", ["operator"], { anyone: true }, none, "OK", "OK"],
  ["an operator in an application without roles", ["customer"], {}, withoutRoles, required, required],
  ["an operator in one, where a fresh one is needed", ["customer"], fresh, withoutRoles, required, required],
  ["a customer without one", ["customer"], {}, none, "OK", required],
  ["a customer with an old one, where a fresh one is needed", ["customer"], fresh, old, "OK", required],
  ["a customer who enrolls", ["customer"], { secondFactor: "none" as const }, none, "OK", "OK"],
  ["a program", ["service"], fresh, none, "OK", "OK"],
] satisfies [string, RoleName[], Partial<AccessRule>, SignedIn, string, string][])(
  "%s",
  (_name, roles, rule, signIn, ofStaff, ofEveryone) => {
    expect(reasonFor("nobody", roles, rule, signIn)).toBe("OK");
    expect(reasonFor("staff", roles, rule, signIn)).toBe(ofStaff);
    expect(reasonFor("everyone", roles, rule, signIn)).toBe(ofEveryone);
  },
);

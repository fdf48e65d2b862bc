import { type DescField, type DescMethod, type DescService, getOption, hasOption } from "@bufbuild/protobuf";
import { access, Role, SecondFactor } from "@sagacart/proto/auth/v1/access";
import { http } from "@sagacart/proto/google/api/annotations";
import type { Principal, RoleName } from "./principal.ts";

/** A method's access rule, read from its option `(sagacart.auth.v1.access)`. */
export type AccessRule = {
  readonly anyone: boolean;
  /** The roles of people. */
  readonly roles: readonly RoleName[];
  /** The programs of the shop that may call it, each with the services where it may; empty: wherever it is served. */
  readonly services: ReadonlyMap<string, ReadonlySet<string>>;
  /** True if people need a fresh sign-in. */
  readonly freshSignIn: boolean;
  /** The second factor that people need where one is required of them: any, one of the last minutes, or none. */
  readonly secondFactor: "any" | "fresh" | "none";
  /** True if an application needs the scope `account` for it. */
  readonly account: boolean;
  /** The request's field `customer_id`, if it has one. */
  readonly customerField: DescField | undefined;
  /** True if that field is part of the REST path: it identifies the requested resource. */
  readonly customerInPath: boolean;
};

/** May not call; may call for the caller's own resources only; may call for all. */
export type Permission = "no" | "own" | "all";

/** Returns a method's rule, and caches it. Without the option, no caller is allowed. */
export function accessRule(method: DescMethod): AccessRule {
  let rule = rules.get(method);
  if (rule === undefined) {
    rule = readRule(method);
    rules.set(method, rule);
  }
  return rule;
}

/** Throws if a method has no access rule, so that it is found at the start and not by a caller. */
export function requireAccessRules(services: Iterable<DescService>): void {
  const without = [...services].flatMap(({ methods }) => methods.filter((method) => !saysAccess(method)));
  if (without.length > 0) {
    const names = without.map((method) => `${method.parent.typeName}/${method.name}`).join(", ");
    throw new Error(`the option (sagacart.auth.v1.access) is missing on ${names}`);
  }
}

/**
 * Returns what a principal may do with the method at the service `host`. For people the strongest role counts; for a
 * program of the shop its name does, and no role.
 */
export function permission({ roles, services }: AccessRule, principal: Principal, host: string): Permission {
  if (principal.kind === "service") {
    const at = services.get(principal.serviceName);
    return at !== undefined && (at.size === 0 || at.has(host)) ? "all" : "no";
  }
  let own = false;
  for (const role of roles) {
    if (principal.roles.has(role)) {
      if (role !== "customer") {
        return "all";
      }
      own = principal.customerId !== undefined;
    }
  }
  return own ? "own" : "no";
}

const rules = new WeakMap<DescMethod, AccessRule>();

/** gRPC's own services are open: probes have no token, and the contract is public. */
const openPackages = ["grpc.health.", "grpc.reflection."];

function isOpen({ parent }: DescMethod): boolean {
  return openPackages.some((name) => parent.typeName.startsWith(name));
}

function saysAccess(method: DescMethod): boolean {
  const { anyone, roles, services } = readRule(method);
  return anyone || roles.length > 0 || services.size > 0;
}

function readRule(method: DescMethod): AccessRule {
  const option = getOption(method, access);
  const field = method.input.fields.find(({ name }) => name === "customer_id");
  return {
    anyone: option.anyone || isOpen(method),
    freshSignIn: option.freshSignIn,
    account: option.account,
    secondFactor: secondFactors.get(option.secondFactor) ?? (option.freshSignIn ? "fresh" : "any"),
    roles: option.roles.flatMap((role) => roleOf.get(role) ?? []),
    services: new Map(option.services.map(({ name, at }) => [name, new Set(at)])),
    customerField: field?.fieldKind === "scalar" ? field : undefined,
    customerInPath: hasOption(method, http) && /\{customer_id[}=]/.test(pathOf(method)),
  };
}

function pathOf(method: DescMethod): string {
  const { pattern } = getOption(method, http);
  return typeof pattern.value === "string" ? pattern.value : "";
}

const secondFactors: ReadonlyMap<SecondFactor, AccessRule["secondFactor"]> = new Map([
  [SecondFactor.FRESH, "fresh"],
  [SecondFactor.NONE, "none"],
]);

const roleOf: ReadonlyMap<number, RoleName> = new Map([
  [Role.CUSTOMER, "customer"],
  [Role.SUPPORT, "support"],
  [Role.OPERATOR, "operator"],
]);

import { expect, test } from "vitest";
import { type CallContext, runWithContext } from "../context.ts";
import { type Actor, currentActor } from "./actor.ts";
import type { Principal, RoleName } from "./principal.ts";

const unknownEmail = { email: "", isEmailVerified: false };
const person = (subject: string, ...roles: RoleName[]): Principal => ({
  ...{ kind: "person", issuer: "test", subject, customerId: subject, serviceName: "", ...unknownEmail },
  roles: new Set(roles),
});
const program: Principal = {
  ...{ kind: "service", issuer: "test", subject: "service:surfaces", customerId: undefined, ...unknownEmail },
  serviceName: "surfaces",
  roles: new Set(["service"]),
};

const cases: [string, Principal | undefined, Parameters<typeof currentActor>[0], Actor][] = [
  ["a customer", person("ann", "customer"), { owner: "ann" }, { kind: "CUSTOMER", id: "ann" }],
  ["an operator", person("grace", "operator"), { owner: "ann" }, { kind: "OPERATOR", id: "grace" }],
  ["support", person("tom", "customer", "support"), { owner: "ann" }, { kind: "OPERATOR", id: "tom" }],
  ["an operator who buys", person("grace", "operator"), { owner: "grace" }, { kind: "CUSTOMER", id: "grace" }],
  [
    "an operator who names the customer",
    person("grace", "operator"),
    { owner: "ann", onBehalfOf: "ann" },
    { kind: "OPERATOR", id: "grace" },
  ],
  ["an operator, of nobody's things", person("grace", "operator"), {}, { kind: "OPERATOR", id: "grace" }],
  ["a program", program, { owner: "ann" }, { kind: "SYSTEM", id: "service:surfaces" }],
  ["a program for a customer", program, { owner: "ann", onBehalfOf: "ann" }, { kind: "CUSTOMER", id: "ann" }],
  ["a caller without a token", undefined, { owner: "ann" }, { kind: "CUSTOMER", id: "ann" }],
  ["a caller without a token, of nobody's things", undefined, {}, { kind: "SYSTEM", id: "" }],
];

test.each(cases)("%s is recognized", (_name, principal, options, expected) => {
  // The rest of the context is not read.
  const context = { principal } as CallContext;

  expect(runWithContext(context, () => currentActor(options))).toEqual(expected);
});

import { readdirSync } from "node:fs";
import { type DescService, getOption } from "@bufbuild/protobuf";
import { access, Role } from "@sagacart/proto/auth/v1/access";
import { expect, test } from "vitest";
import { accessRule, requireAccessRules } from "./access.ts";
import { securityEventOf } from "./security-log.ts";

const generated = new URL("../../../../proto/gen/sagacart/", import.meta.url);

async function allServices(): Promise<DescService[]> {
  const files = readdirSync(generated, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith("_service_pb.ts"),
  );
  const modules: object[] = await Promise.all(files.map((name) => import(new URL(name, generated).href)));
  return modules
    .flatMap((module): unknown[] => Object.values(module))
    .filter(
      (value): value is DescService =>
        typeof value === "object" && value !== null && "kind" in value && value.kind === "service",
    );
}

test("the request of a method for customers has a customer_id, so that it can be confined", async () => {
  const without = (await allServices())
    // Identity has users and no customers: it asks itself whether a user is the caller.
    .filter(({ typeName }) => typeName !== "sagacart.identity.v1.IdentityService")
    .flatMap(({ methods }) => methods)
    .filter((method) => accessRule(method).roles.includes("customer") && !accessRule(method).customerField);
  expect(without.map((method) => method.toString())).toEqual([]);
});

test("each method of the contract has an access rule: anyone, or these roles", async () => {
  const services = await allServices();
  expect(services.length).toBeGreaterThan(15);
  expect(() => requireAccessRules(services)).not.toThrow();
  const unclear = services
    .flatMap(({ methods }) => methods)
    .filter((method) => {
      const { anyone, roles, services } = getOption(method, access);
      const names = services.map(({ name }) => name);
      return (
        anyone === roles.length + services.length > 0 ||
        new Set(roles).size < roles.length ||
        new Set(names).size < names.length
      );
    });
  expect(unclear.map((method) => method.toString())).toEqual([]);
});

test("programs are named one by one, and no role stands for all of them", async () => {
  const methods = (await allServices()).flatMap(({ methods }) => methods);
  const forAll = methods.filter((method) => getOption(method, access).roles.some((role) => role === Role.SERVICE));
  expect(forAll.map((method) => method.toString())).toEqual([]);
});

/** Security events of people that need no fresh second factor, each with the reason. */
const withoutStepUp: Readonly<Record<string, string>> = {
  "session.confirmed": "gives the fresh second factor",
  "passkey.enrollment_started": "by who has none yet; identity asks those who have one",
  "passkey.enrolled": "by who has none yet; identity asks those who have one",
  "second_factor.enrollment_started": "by who has none yet; identity asks those who have one",
  "second_factor.enrolled": "by who has none yet; identity asks those who have one",
  "user.unlocked": "ends a pause: passwords and codes are still needed",
  ...each(
    ["product.created", "product.changed", "product.deleted", "products.put", "stock.set", "stock.adjusted"],
    "daily work on the catalogue, which its events and etags let undo",
  ),
  ...each(
    ["stock.reserved", "stock.released", "stock.released_manually"],
    "units of an order, without money; the audit compares them",
  ),
  ...each(
    ["incident.retried", "incident.resolved", "shipment.recall_retried", "message.retried", "order.cancelled"],
    "support's daily work: a payment goes back to its payer only",
  ),
  ...each(["shipment.webhook_retried", "shipment.webhook_dismissed"], "signed news of the carrier, without money"),
  ...each(
    ["consumer.replayed", "consumer.position_committed", "consumer.deleted"],
    "positions in feeds: consumers do each event once",
  ),
  ...each(
    ["webhook_endpoint.tested", "webhook_delivery.resent", "webhook_deliveries.resent"],
    "to an endpoint whose address a fresh factor set",
  ),
  ...each(
    ["launcher.audit_run", "launcher.load_started", "launcher.load_stopped", "launcher.process_killed"],
    "on a laptop only, whose processes start again",
  ),
  "security_log.read": "ids only, without secrets",
  "template.changed": "texts without code, in a language without access to more than the message",
  "carts.put": "an import of carts, without money",
};

function each(events: readonly string[], reason: string): Readonly<Record<string, string>> {
  return Object.fromEntries(events.map((event) => [event, reason]));
}

test("what moves money by hand, or changes roles, accounts, factors and webhooks, needs a fresh second factor", async () => {
  const events = (await allServices())
    .flatMap(({ methods }) => methods)
    .filter((method) => accessRule(method).roles.length > 0 && accessRule(method).secondFactor !== "fresh")
    .flatMap((method) => securityEventOf(method)?.event ?? []);
  expect(events.toSorted()).toEqual(Object.keys(withoutStepUp).toSorted());
});

test("without a second factor, people can only confirm who they are and enroll one", async () => {
  const methods = (await allServices()).flatMap(({ methods }) => methods);
  const open = methods.filter((method) => accessRule(method).secondFactor === "none");
  expect(open.map(({ name }) => name).toSorted()).toEqual([
    "ChallengePasskey",
    "ConfirmPasskey",
    "ConfirmPassword",
    "ConfirmTotp",
    "EnrollPasskey",
    "EnrollTotp",
    "ListFactors",
  ]);
});

// The surface of the Flask services registers users who cannot sign in yet, by its own rules.
test("no program may change users: identity's methods are for people, but for registering and deleting personal data", async () => {
  const identity = (await allServices()).find(({ typeName }) => typeName === "sagacart.identity.v1.IdentityService");
  const forPrograms = identity?.methods.filter((method) => accessRule(method).services.size > 0) ?? [];
  expect(forPrograms.map(({ name }) => name)).toEqual([
    "RegisterByForeignRules",
    "GetErasure",
    "EraseCustomer",
    "ReportErasure",
  ]);
});

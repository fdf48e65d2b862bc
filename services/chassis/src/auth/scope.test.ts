import { createClient } from "@connectrpc/connect";
import { EventService } from "@sagacart/proto/event/v1/event_service";
import { PersonalDataService } from "@sagacart/proto/privacy/v1/personal_data_service";
import { expect, test } from "vitest";
import { errorInfo } from "../errors.ts";
import { inMemory } from "../testing/in-memory.ts";
import { startIssuer } from "../testing/issuer.ts";
import type { ClaimRules } from "./principal.ts";

const ours: ClaimRules = { rolesClaim: "roles", roleMap: new Map(), customerIds: "subject" };
const theirs: ClaimRules = { ...ours, customerIds: "derived" };
const [granted, refused] = ["OK", "SCOPE_REQUIRED"];

const cases: [string, object, ClaimRules, string][] = [
  ["of the shop's own sign-in", { client_id: "sagacart" }, ours, granted],
  ["of the shop's own sign-in, from before tokens named it", {}, ours, granted],
  ["of an application with the scope", { client_id: "web", scope: "roles account" }, ours, granted],
  ["of an application with the scope alone", { client_id: "web", scope: "account" }, ours, granted],
  ["of an application with another scope", { client_id: "web", scope: "roles" }, ours, refused],
  [
    "of an application with a scope of a longer name",
    { client_id: "web", scope: "accounts my-account" },
    ours,
    refused,
  ],
  ["of an application with the scope in capitals", { client_id: "web", scope: "ACCOUNT" }, ours, refused],
  ["of an application with an empty scope", { client_id: "web", scope: "" }, ours, refused],
  ["of an application with a list, which the claim never is", { client_id: "web", scope: ["account"] }, ours, refused],
  ["of an application without a scope", { client_id: "web" }, ours, refused],
  ["of another issuer's application", { client_id: "web", scope: "profile" }, theirs, granted],
];

test.each(cases)("all data of a person, with a token %s", async (_, claims, rules, expected) => {
  await using issuer = await startIssuer();
  const token = await issuer.sign({ sub: "ada", roles: ["customer"], ...claims });
  const transport = inMemory(
    (router) => router.service(PersonalDataService, { exportPersonalData: () => ({ records: [] }) }),
    "test.sagacart",
    issuer.verifier({ claims: rules }),
  );

  const call = createClient(PersonalDataService, transport).exportPersonalData(
    {},
    { headers: { authorization: `Bearer ${token}` } },
  );

  const outcome = await call.then(
    () => "OK",
    (error: unknown) => errorInfo(error),
  );
  const metadata = { scope: "account", application: "web" };
  expect(outcome).toEqual(expected === granted ? "OK" : expect.objectContaining({ reason: refused, metadata }));
});

test("a method of no account needs no scope", async () => {
  await using issuer = await startIssuer();
  const token = await issuer.sign({ sub: "ada", roles: ["operator"], client_id: "web" });
  const transport = inMemory(
    (router) => router.service(EventService, { readEvents: () => ({}) }),
    "test.sagacart",
    issuer.verifier(),
  );

  const call = createClient(EventService, transport).readEvents({}, { headers: { authorization: `Bearer ${token}` } });

  await expect(call).resolves.toBeDefined();
});

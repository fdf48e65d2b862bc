import { createClient } from "@connectrpc/connect";
import { PersonalDataService } from "@sagacart/proto/privacy/v1/personal_data_service";
import { expect, test } from "vitest";
import { runWithContext } from "../context.ts";
import { errorInfo } from "../errors.ts";
import { inMemory } from "../testing/in-memory.ts";
import { startIssuer } from "../testing/issuer.ts";
import { requireFreshCaller, requireFreshSignIn } from "./fresh.ts";
import type { Principal } from "./principal.ts";

const nowS = () => Math.floor(Date.now() / 1000);

const cases: [string, object, number, string][] = [
  ["of this minute", { auth_time: nowS() }, 300_000, "OK"],
  ["of an hour ago", { auth_time: nowS() - 3_600 }, 300_000, "FRESH_SIGN_IN_REQUIRED"],
  ["of an unknown time", { auth_time: undefined }, 300_000, "FRESH_SIGN_IN_REQUIRED"],
  ["of a time that is text", { auth_time: `${nowS()}` }, 300_000, "FRESH_SIGN_IN_REQUIRED"],
  ["of an hour ago, where none is asked for", { auth_time: nowS() - 3_600 }, 0, "OK"],
];

test.each(cases)("an export with a sign-in %s", async (_, claims, freshSignInMs, expected) => {
  await using issuer = await startIssuer();
  const token = await issuer.sign({ sub: "ada", roles: ["customer"], ...claims });
  const transport = inMemory(
    (router) => router.service(PersonalDataService, { exportPersonalData: () => ({ records: [] }) }),
    "test.sagacart",
    issuer.verifier({ freshSignInMs }),
  );

  const call = createClient(PersonalDataService, transport).exportPersonalData(
    { customerId: "ada" },
    { headers: { authorization: `Bearer ${token}` } },
  );

  const outcome = await call.then(
    () => "OK",
    (error: unknown) => errorInfo(error).reason,
  );
  expect(outcome).toBe(expected);
});

test("programs are not asked for one", async () => {
  await using issuer = await startIssuer();
  const token = await issuer.sign({ sub: "service:order", roles: ["service"], auth_time: undefined });
  const program = await issuer.verifier().verify(token);

  expect(() => requireFreshSignIn(program, 300_000)).not.toThrow();
});

test("a handler may ask for one, of the caller that the call has", () => {
  const person: Principal = {
    ...{ kind: "person", issuer: "i", subject: "ada", customerId: "ada", roles: new Set(["customer"] as const) },
    ...{ serviceName: "", email: "", isEmailVerified: false, authTimeMs: Date.now() - 60_000 },
  };
  // The rest of the context is not read.
  const asks = (freshSignInMs: number) => () =>
    runWithContext({ requestId: "r", principal: person, freshSignInMs }, requireFreshCaller);

  expect(asks(120_000)).not.toThrow();
  expect(asks(30_000)).toThrow(
    expect.objectContaining({ reason: "FRESH_SIGN_IN_REQUIRED", metadata: { max_age_seconds: "30" } }),
  );
});

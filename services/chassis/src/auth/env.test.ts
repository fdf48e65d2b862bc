import { expect, test } from "vitest";
import { type Env, readEnv } from "../process/config.ts";
import { startIssuer } from "../testing/issuer.ts";
import { silentLog } from "../testing/log.ts";
import { serviceTokenEnv, serviceTokensOf, tokenEnv, verifierOf } from "./env.ts";
import { derivedId } from "./principal.ts";

const read = (env: Env) => readEnv({ ...tokenEnv(), ...serviceTokenEnv() }, env);

test("an external issuer: its names for roles, its claim for them, and derived ids", async () => {
  await using issuer = await startIssuer();
  const config = readEnv(tokenEnv(), {
    AUTH_ISSUER: issuer.issuer,
    AUTH_JWKS_URL: issuer.jwksUrl.href,
    AUTH_AUDIENCE: "shop",
    AUTH_ROLES_CLAIM: "realm_access.roles",
    AUTH_ROLE_MAP: "shop-admin=operator, helpdesk=support",
    AUTH_DEFAULT_ROLE: "customer",
    AUTH_CUSTOMER_IDS: "derived",
  });
  const verifier = verifierOf(config, silentLog);
  const principal = async (roles: string[]) =>
    verifier?.verify(await issuer.sign({ sub: "f:1:ada", realm_access: { roles } }, { audience: "shop" }));

  expect(await principal(["helpdesk", "offline_access"])).toMatchObject({ roles: new Set(["support"]) });
  expect(await principal([])).toMatchObject({
    roles: new Set(["customer"]),
    customerId: derivedId(issuer.issuer, "f:1:ada"),
  });
  const forOthers = issuer.sign({ sub: "f:1:ada" });
  await expect(Promise.resolve(verifier?.verify(await forOthers))).rejects.toMatchObject({ reason: "TOKEN_INVALID" });
});

test("only AUTH=off turns the checks off, and it needs no other variable", () => {
  const off = read({ AUTH: "off", AUTH_ISSUER: "http://127.0.0.1" });
  expect(verifierOf(off, silentLog)).toBeUndefined();
  expect(serviceTokensOf(off, silentLog)).toBeUndefined();
  expect(() => read({})).toThrow(
    /^AUTH_ISSUER is not set.*\nAUTH_JWKS_URL is not set.*\nAUTH_TOKEN_URL is not set.*\nSERVICE_CLIENT_ID is not set.*\nSERVICE_CLIENT_SECRET is not set/,
  );
  expect(() => read({ AUTH: "false" })).toThrow('AUTH must be one of on, off, got "false"');
});

test("a role map with an unknown role is refused", () => {
  expect(() => read({ AUTH: "off", AUTH_ROLE_MAP: "boss=owner" })).toThrow("AUTH_ROLE_MAP has an invalid item");
});

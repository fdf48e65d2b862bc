import { create, type DescMethodUnary } from "@bufbuild/protobuf";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { accessRule } from "@sagacart/chassis/auth/access";
import { errorInfo } from "@sagacart/chassis/errors";
import { isUnary } from "@sagacart/chassis/rpc/method-kind";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestIdentity, type TestIdentity } from "./testing/identity.ts";
import { createBrowser, createOidcApp } from "./testing/oidc-app.ts";

const redirectUri = "http://app.test/callback";
let running: TestIdentity;

beforeAll(async () => {
  const application = { client_id: "app", redirect_uris: [redirectUri], scopes: ["roles", "account"] };
  running = await startTestIdentity({ env: { OIDC_CLIENTS: JSON.stringify([application]) } });
});
afterAll(() => running[Symbol.asyncDispose]());

/** Calls with an empty request and returns the reason of the refusal. Roles are checked before the request. */
async function reasonOf(method: DescMethodUnary, accessToken?: string) {
  const transport = createGrpcTransport({ baseUrl: `http://${running.address}` });
  const header: Record<string, string> = accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` };
  const call = transport.unary(method, undefined, 10_000, header, create(method.input));
  return await call.then(
    () => "OK",
    (error: unknown) => errorInfo(error).reason,
  );
}

const guarded = IdentityService.methods.filter(isUnary).filter((method) => !accessRule(method).anyone);

test.each(guarded.map((method) => [method.name, method] as const))("%s needs a valid token", async (_name, method) => {
  const { accessToken } = await running.register();
  const [header = "", payload = "", signature = ""] = accessToken.split(".");
  const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString("base64url");
  const forged = Buffer.from(Buffer.from(payload, "base64url").toString().replace("customer", "operator"));

  expect(await reasonOf(method)).toBe("TOKEN_MISSING");
  expect(await reasonOf(method, `${header}.${forged.toString("base64url")}.${signature}`)).toBe("TOKEN_INVALID");
  expect(await reasonOf(method, `${none}.${payload}.`)).toBe("TOKEN_INVALID");
});

test.each(["ListUsers", "SetRoles"])("%s is not for customers", async (name) => {
  const { accessToken } = await running.register();
  const method = guarded.find((method) => method.name === name);

  expect(await reasonOf(method!, accessToken)).toBe("ROLE_REQUIRED");
});

/** Returns the token of an application that a person has signed in to. */
async function applicationToken(person: { username: string; password: string }, scope: string): Promise<string> {
  const app = await createOidcApp(running, { clientId: "app", redirectUri, scope });
  const { access_token: token } = await app.tokensOf(await app.signIn(createBrowser(running), person));
  return token;
}

const ofAccount = guarded.filter((method) => accessRule(method).account);

test.each(ofAccount.map((method) => [method.name, method] as const))(
  "an application needs the scope account for %s",
  async (_name, method) => {
    const person = await running.register();
    expect(await reasonOf(method, await applicationToken(person, "openid roles"))).toBe("SCOPE_REQUIRED");
    expect(await reasonOf(method, await applicationToken(person, "openid account"))).not.toBe("SCOPE_REQUIRED");
    expect(await reasonOf(method, person.accessToken)).not.toBe("SCOPE_REQUIRED");
  },
);

test("an application needs it for all that people may do with their accounts, but for their addresses", () => {
  const ofCustomers = guarded.filter((method) => accessRule(method).roles.includes("customer"));
  const others = ofCustomers.filter((method) => !ofAccount.includes(method)).map(({ name }) => name);
  expect(others).toEqual([
    "GetErasure",
    ...["CreateAddress", "GetAddress", "ListAddresses", "UpdateAddress", "DeleteAddress"],
  ]);
});

test("an application needs the scope roles for what staff may", async () => {
  const person = await running.register();
  await running.pool.query("update users set roles = '{operator}' where id = $1", [person.id]);
  const listUsers = async (scope: string) =>
    await reasonOf(IdentityService.method.listUsers, await applicationToken(person, scope));

  expect(await listUsers("openid account")).toBe("ROLE_REQUIRED");
  expect(await listUsers("openid roles")).toBe("OK");
});

test("only the methods that a caller without a token needs are open to anyone", () => {
  const open = IdentityService.methods.filter((method) => accessRule(method).anyone).map(({ name }) => name);

  expect(open).toEqual([
    ...["Register", "ConfirmEmail", "UndoEmailChange", "SignIn", "VerifySecondFactor", "RefreshToken", "SignOut"],
    ...["RequestPasswordReset", "ResetPassword"],
  ]);
});

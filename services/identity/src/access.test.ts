import { create, type DescMethod, type DescMethodUnary } from "@bufbuild/protobuf";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { accessRule } from "@sagacart/chassis/auth/access";
import { errorInfo } from "@sagacart/chassis/errors";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestIdentity, type TestIdentity } from "./testing/identity.ts";

let running: TestIdentity;

beforeAll(async () => {
  running = await startTestIdentity();
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

function isUnary(method: DescMethod): method is DescMethodUnary {
  return method.methodKind === "unary";
}

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

test("only the methods that a caller without a token needs are open to anyone", () => {
  const open = IdentityService.methods.filter((method) => accessRule(method).anyone).map(({ name }) => name);

  expect(open).toEqual([
    ...["Register", "ConfirmEmail", "UndoEmailChange", "SignIn", "VerifySecondFactor", "RefreshToken", "SignOut"],
    ...["RequestPasswordReset", "ResetPassword"],
  ]);
});

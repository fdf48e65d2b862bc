import { errorInfo } from "@sagacart/chassis/errors";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestIdentity, type TestIdentity } from "../testing/identity.ts";
import { createBrowser, createOidcApp, type OidcApp } from "../testing/oidc-app.ts";
import { totpCode } from "../testing/totp.ts";

const redirectUri = "http://app.test/callback";
let running: TestIdentity;
let app: OidcApp;

beforeAll(async () => {
  const clients = [{ client_id: "console", redirect_uris: [redirectUri], scopes: ["account"] }];
  running = await startTestIdentity({ env: { OIDC_CLIENTS: JSON.stringify(clients) } });
  app = await createOidcApp(running, { clientId: "console", redirectUri, scope: "openid account" });
}, 60_000);
afterAll(() => running[Symbol.asyncDispose]());

async function signInAt(person: { username: string; password: string }): Promise<string> {
  const { access_token: token } = await app.tokensOf(await app.signIn(createBrowser(running), person));
  return token;
}

test("a user enrolls an authenticator app in an application, and then signs in again with it", async () => {
  const person = await running.register();
  const token = await signInAt(person);
  const { id, secret } = await running.as(token).enrollTotp({ userId: "me", name: "phone" });

  const answer = await running.as(token).confirmTotp({ userId: "me", id, code: totpCode(secret, { period: -1 }) });

  expect(answer.factor?.id).toBe(id);
  expect(answer.recoveryCodes).toHaveLength(10);
  // No session of the API for an application; all former ones end, since they have no second factor.
  expect(answer.session).toBeUndefined();
  for (const former of [token, person.accessToken]) {
    const reason = async () =>
      await running
        .as(former)
        .getUser({ id: "me" })
        .then(
          () => "accepted",
          (error: unknown) => errorInfo(error).reason,
        );
    await expect.poll(reason).toBe("TOKEN_REVOKED");
  }
  const { session, secondFactor } = await running.anonymous.signIn(person);
  expect(session).toBeUndefined();
  const { session: strong } = await running.anonymous.verifySecondFactor({
    signInToken: secondFactor?.signInToken ?? "",
    code: totpCode(secret),
  });
  expect(strong?.userId).toBe(person.id);
});

test("a wrong code enrolls nothing and ends nothing", async () => {
  const person = await running.register();
  const token = await signInAt(person);
  const { id } = await running.as(token).enrollTotp({ userId: "me", name: "phone" });

  const wrong = running.as(token).confirmTotp({ userId: "me", id, code: "000000" });

  await expect(wrong.catch((error: unknown) => errorInfo(error).reason)).resolves.toBe("BAD_SECOND_FACTOR");
  expect((await running.as(token).getUser({ id: "me" })).user?.id).toBe(person.id);
  expect((await running.anonymous.signIn(person)).session?.userId).toBe(person.id);
});

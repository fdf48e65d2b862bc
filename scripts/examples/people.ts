import { createAuthenticator } from "@sagacart/identity/testing/authenticator";
import { totpCode } from "../cluster/totp.ts";
import type { Json } from "./recorder.ts";
import { home, type Scene } from "./scene.ts";

const password = "lovely analytical engine";
const email = "ada@example.com";

/** A user's account, from its registration to its deletion. */
export async function recordPeople(scene: Scene): Promise<void> {
  const { call, admin } = scene;
  // The first one of the examples is one that a reader can try.
  const first = await call("signIn", { body: { username: "alice", password: "alice123" } });
  const { session: refreshed } = await call("refreshToken", { body: { refreshToken: first.session.refreshToken } });
  await call("signOut", { body: { refreshToken: refreshed.refreshToken } });

  const { user } = await call("register", { body: { username: "ada", email, password, phone: "+442079460000" } });
  const userId: string = user.id;
  await call("confirmEmail", { body: { token: await mailedToken(scene, email) } });
  let session = await signIn(call);
  await call("getUser", { token: session.accessToken, path: { id: userId } });
  await call("listUsers", { token: admin, query: { role: "customer", pageSize: 1 } });
  await call("searchUsers", { token: admin, body: { username: "ada" } });
  await recordAddresses(scene, userId, session.accessToken);

  await call("updateUser", {
    token: session.accessToken,
    path: { id: userId },
    query: { updateMask: "email" },
    body: { email: "ada.lovelace@example.com" },
  });
  await call("requestEmailConfirmation", { token: session.accessToken, path: { userId }, body: {} });
  // There are two mails by now, and the link of the second one counts.
  await call("confirmEmail", { body: { token: await mailedToken(scene, "ada.lovelace@example.com", { mails: 2 }) } });
  await call("undoEmailChange", { body: { token: await mailedToken(scene, email, { matching: /undo/ }) } });
  await call("requestPasswordReset", { body: { email } });
  await call("resetPassword", {
    body: { token: await mailedToken(scene, email, { matching: /reset-password/ }), newPassword: password },
  });
  await call("unlockUser", { token: admin, path: { id: userId }, body: {} });
  await call("setRoles", { token: admin, path: { id: userId }, body: { roles: ["customer"] } });

  session = await signIn(call);
  await call("listSessions", { token: session.accessToken, path: { userId } });
  const other = await signIn(call);
  await call("endSession", { token: session.accessToken, path: { userId, id: other.id } });
  await call("endSessions", { token: session.accessToken, path: { userId } });
  await call("changePassword", {
    token: session.accessToken,
    path: { userId },
    body: { currentPassword: password, newPassword: `${password}, no. 2`, refreshToken: session.refreshToken },
  });
  await call("changePassword", {
    token: session.accessToken,
    path: { userId },
    body: { currentPassword: `${password}, no. 2`, newPassword: password, refreshToken: session.refreshToken },
  });
  await recordFactors(scene, userId);

  await recordExport(call);
  session = await signIn(call);
  await call("deleteUser", { token: session.accessToken, path: { id: userId } });
  await call("getErasure", {
    token: admin,
    path: { id: userId },
    until: ({ erasure }) => erasure.services.every(({ state }: { state: string }) => state === "STATE_DONE"),
  });
  await call("eraseCustomer", { token: admin, path: { id: "grace" }, body: {} });
}

/** Exports the data of a user of whom there is little. */
async function recordExport(call: Scene["call"]): Promise<void> {
  const account = { username: "mary", email: "mary@example.com", password: "on the connexion of the sciences" };
  const { user } = await call("register", { body: account });
  const { session } = await call("signIn", { body: { username: account.username, password: account.password } });
  await call("exportPersonalData", { token: session.accessToken, path: { customerId: user.id } });
}

async function signIn(call: Scene["call"]): Promise<Json> {
  const { session } = await call("signIn", { body: { username: "ada", password } });
  return session;
}

/** Returns the token of the newest mail to an address that has one and matches, once there are so many such mails. */
async function mailedToken(
  { call, admin: token }: Scene,
  to: string,
  { matching = /./, mails = 1 }: { matching?: RegExp; mails?: number } = {},
): Promise<string> {
  const textsOf = (answer: Json): string[] =>
    answer.messages
      .map(({ text }: { text: string }) => text)
      .filter((text: string) => matching.test(text) && tokenIn.test(text));
  const answer = await call("searchMailboxMessages", {
    token,
    body: { to },
    until: (answer) => textsOf(answer).length >= mails,
  });
  const [newest = ""] = textsOf(answer);
  return tokenIn.exec(newest)?.[1] ?? "";
}

const tokenIn = /token=([\w.~-]+)/;

async function recordAddresses({ call }: Scene, userId: string, token: string): Promise<void> {
  const { address } = await call("createAddress", {
    token,
    path: { userId },
    body: { address: home, isDefault: true },
  });
  const path = { userId, id: address.id };
  await call("getAddress", { token, path });
  await call("listAddresses", { token, path: { userId }, query: { pageSize: 1 } });
  await call("updateAddress", {
    token,
    path,
    query: { updateMask: "address" },
    body: { address: { ...home, line2: "Second floor" } },
  });
  await call("deleteAddress", { token, path });
}

/** Second factors: an authenticator app, a passkey and recovery codes. */
async function recordFactors({ call, admin, origin }: Scene, userId: string): Promise<void> {
  const authenticator = createAuthenticator({ origin });
  let session = await signIn(call);
  const app = await call("enrollTotp", { token: session.accessToken, path: { userId }, body: { name: "Phone" } });
  ({ session } = await call("confirmTotp", {
    token: session.accessToken,
    path: { userId, id: app.id },
    body: { code: totpCode(app.secret, Date.now()) },
  }));
  const key = await call("enrollPasskey", {
    token: session.accessToken,
    path: { userId },
    body: { name: "Laptop" },
  });
  // Each factor brings another session.
  ({ session } = await call("confirmPasskey", {
    token: session.accessToken,
    path: { userId, id: key.id },
    body: { credentialJson: authenticator.create(key.optionsJson) },
  }));
  const token: string = session.accessToken;
  await call("renameFactor", { token, path: { userId, id: key.id }, body: { name: "Laptop at home" } });
  await call("listFactors", { token, path: { userId } });
  const { recoveryCodes } = await call("replaceRecoveryCodes", { token, path: { userId }, body: {} });
  const challenge = await call("challengePasskey", { token, path: { userId }, body: {} });
  const confirmed = await call("confirmPassword", {
    token,
    body: { password, passkeyJson: authenticator.get(challenge.optionsJson) },
  });
  await call("deleteFactor", { token: confirmed.session.accessToken, path: { userId, id: app.id } });
  const { secondFactor } = await call("signIn", { body: { username: "ada", password } });
  await call("verifySecondFactor", { body: { signInToken: secondFactor.signInToken, code: recoveryCodes[0] } });
  await call("resetFactors", { token: admin, path: { userId }, body: {} });
}

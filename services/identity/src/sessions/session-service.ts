import { create } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import { callContext } from "@sagacart/chassis/context";
import { type Pool, withTransaction } from "@sagacart/chassis/postgres/pool";
import {
  ChangePasswordResponseSchema,
  ConfirmPasswordResponseSchema,
  EndSessionResponseSchema,
  EndSessionsResponseSchema,
  type IdentityService,
  ListSessionsResponseSchema,
  RefreshTokenResponseSchema,
  RequestPasswordResetResponseSchema,
  ResetPasswordResponseSchema,
  SignInResponseSchema,
  SignOutResponseSchema,
  VerifySecondFactorResponseSchema,
} from "@sagacart/proto/identity/v1/identity_service";
import { requireChangeable, requireOwn, requireReadable, resolveUserId } from "../caller.ts";
import { passwordOnly } from "../factors/amr.ts";
import type { Factors } from "../factors/factors.ts";
import { sessionMessage, userMessage, userSessionMessage } from "../messages.ts";
import { listGrants } from "../oidc/entry-store.ts";
import { userNotFound } from "../users/user.ts";
import { findUser } from "../users/user-store.ts";
import type { DeviceTokens } from "./device-tokens.ts";
import type { PasswordChange } from "./password-change.ts";
import { seenFrom } from "./seen-from.ts";
import { listSessions } from "./session-store.ts";
import type { Sessions } from "./sessions.ts";
import type { SignIn } from "./sign-in.ts";

export type SessionRpcsOptions = {
  readonly pool: Pool;
  readonly devices: DeviceTokens;
  readonly factors: Factors;
  readonly signIn: SignIn;
  readonly sessions: Sessions;
  readonly passwordChange: PasswordChange;
};

type SessionRpcs =
  | "signIn"
  | "verifySecondFactor"
  | "confirmPassword"
  | "listSessions"
  | "endSession"
  | "endSessions"
  | "refreshToken"
  | "signOut"
  | "changePassword"
  | "requestPasswordReset"
  | "resetPassword";

const mostListed = 200;

/** Creates the RPC handlers of sessions and passwords. */
export function sessionRpcs(options: SessionRpcsOptions): Pick<ServiceImpl<typeof IdentityService>, SessionRpcs> {
  const { pool, signIn, sessions, passwordChange, devices, factors } = options;

  async function requireUser(id: string): Promise<string> {
    if ((await findUser(pool, id)) === undefined) {
      throw userNotFound(id);
    }
    return id;
  }
  return {
    async signIn({ username, password, deviceToken }) {
      const user = await signIn.withPassword({ login: username, password, address: clientAddress(), deviceToken });
      const challenge = await factors.challenge(user);
      if (challenge !== undefined) {
        const { token: signInToken, expireTime } = challenge;
        const expiring = { signInToken, expireTime: timestampFromDate(expireTime) };
        const secondFactor = { ...expiring, userId: user.id, passkeyOptionsJson: challenge.passkeyOptions };
        return create(SignInResponseSchema, { secondFactor });
      }
      const session = await withTransaction(pool, (tx) => sessions.open(tx, user, seenFrom(), passwordOnly));
      return create(SignInResponseSchema, {
        session: sessionMessage(session),
        user: userMessage(user),
        deviceToken: devices.issue(user.id, deviceToken),
      });
    },
    async verifySecondFactor({ signInToken, code, passkeyJson: passkey }) {
      const { user, session } = await factors.answer(signInToken, { code, passkey }, async (tx, user, amr) => ({
        ...{ user, session: await sessions.open(tx, user, seenFrom(), amr) },
      }));
      return create(VerifySecondFactorResponseSchema, {
        session: sessionMessage(session),
        user: userMessage(user),
        deviceToken: devices.issue(user.id, ""),
      });
    },
    async confirmPassword({ password, code, passkeyJson: passkey }) {
      const principal = callContext()?.principal;
      const user = await signIn.confirm({
        ...{ userId: resolveUserId("me"), password, address: clientAddress() },
        sessionId: principal?.sessionId,
      });
      const id = principal?.sessionId ?? "";
      const session = await factors.confirm(user, { code, passkey }, (tx, amr) =>
        sessions.confirm(tx, user, id, seenFrom(), amr),
      );
      return create(ConfirmPasswordResponseSchema, { session: sessionMessage(session) });
    },
    async listSessions({ userId: given }) {
      const userId = await requireUser(requireReadable(given));
      const [own, ofApplications] = await Promise.all([
        listSessions(pool, userId, mostListed),
        listGrants(pool, userId, mostListed),
      ]);
      const all = [...own, ...ofApplications].sort((a, b) => b.createTime.getTime() - a.createTime.getTime());
      const current = callContext()?.principal?.sessionId;
      return create(ListSessionsResponseSchema, {
        sessions: all.slice(0, mostListed).map((session) => userSessionMessage(session, session.id === current)),
      });
    },
    async endSession({ userId: given, id }) {
      await sessions.end(await requireUser(requireChangeable(given)), id);
      return create(EndSessionResponseSchema);
    },
    async endSessions({ userId: given, includeCurrent }) {
      const userId = await requireUser(requireChangeable(given));
      const principal = callContext()?.principal;
      const isOwn = principal?.customerId === userId && !includeCurrent;
      await sessions.endAll(userId, isOwn ? principal.sessionId : undefined);
      return create(EndSessionsResponseSchema);
    },
    async refreshToken({ refreshToken }) {
      const session = await sessions.refresh(refreshToken, seenFrom());
      return create(RefreshTokenResponseSchema, { session: sessionMessage(session) });
    },
    async signOut({ refreshToken, allSessions }) {
      await sessions.signOut(refreshToken, { allSessions });
      return create(SignOutResponseSchema);
    },
    async changePassword({ userId, currentPassword, newPassword, refreshToken }) {
      await passwordChange.change({
        ...{ userId: requireOwn(userId), currentPassword, newPassword, refreshToken },
        ...{ address: clientAddress(), sessionId: callContext()?.principal?.sessionId },
      });
      return create(ChangePasswordResponseSchema);
    },
    async requestPasswordReset({ email }) {
      await passwordChange.requestReset(email, clientAddress());
      return create(RequestPasswordResetResponseSchema);
    },
    async resetPassword({ token, newPassword }) {
      await passwordChange.reset(token, newPassword, clientAddress());
      return create(ResetPasswordResponseSchema);
    },
  };
}

/** Returns the IP address of the gateway's caller, as the gateway reports it. */
function clientAddress(): string | undefined {
  return callContext()?.clientAddress;
}

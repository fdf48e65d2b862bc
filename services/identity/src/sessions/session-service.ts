import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import { callContext } from "@sagacart/chassis/context";
import {
  ChangePasswordResponseSchema,
  type IdentityService,
  RefreshTokenResponseSchema,
  RequestPasswordResetResponseSchema,
  ResetPasswordResponseSchema,
  SignInResponseSchema,
  SignOutResponseSchema,
} from "@sagacart/proto/identity/v1/identity_service";
import { requireOwn } from "../caller.ts";
import { sessionMessage, userMessage } from "../messages.ts";
import type { PasswordChange } from "./password-change.ts";
import type { Sessions } from "./sessions.ts";
import type { SignIn } from "./sign-in.ts";

export type SessionRpcsOptions = {
  readonly signIn: SignIn;
  readonly sessions: Sessions;
  readonly passwordChange: PasswordChange;
};

type SessionRpcs = "signIn" | "refreshToken" | "signOut" | "changePassword" | "requestPasswordReset" | "resetPassword";

/** Creates the RPC handlers of sessions and passwords. */
export function sessionRpcs(options: SessionRpcsOptions): Pick<ServiceImpl<typeof IdentityService>, SessionRpcs> {
  const { signIn, sessions, passwordChange } = options;
  return {
    async signIn({ username, password }) {
      const user = await signIn.withPassword(username, password, clientAddress());
      return create(SignInResponseSchema, {
        session: sessionMessage(await sessions.open(user)),
        user: userMessage(user),
      });
    },
    async refreshToken({ refreshToken }) {
      return create(RefreshTokenResponseSchema, { session: sessionMessage(await sessions.refresh(refreshToken)) });
    },
    async signOut({ refreshToken, allSessions }) {
      await sessions.signOut(refreshToken, { allSessions });
      return create(SignOutResponseSchema);
    },
    async changePassword({ userId, currentPassword, newPassword, refreshToken }) {
      const address = clientAddress();
      await passwordChange.change({ userId: requireOwn(userId), currentPassword, newPassword, refreshToken, address });
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

import type { CallTokens } from "@sagacart/chassis/auth/service-tokens";
import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { laptopUsers } from "./users.ts";

type Addresses = Readonly<Record<string, string>>;

/** The tokens of a laptop's operator, for scripts and tests that do what any customer, or the shop's owner, does. */
export function operatorTokens(addresses: Addresses): CallTokens {
  return signedIn(addresses, "admin");
}

/** The tokens of one of the laptop's users, who signs in when the first is needed and again before each expires. */
export function signedIn(addresses: Addresses, username: string): CallTokens {
  let authorization: string | undefined;
  let renewAtMs = 0;
  let signingIn: Promise<string> | undefined;
  return {
    authorization() {
      if (authorization !== undefined && Date.now() < renewAtMs) {
        return authorization;
      }
      signingIn ??= signIn(addresses, username)
        .then(({ token, lifeMs }) => {
          renewAtMs = Date.now() + lifeMs / 2;
          authorization = `Bearer ${token}`;
          return authorization;
        })
        .finally(() => {
          signingIn = undefined;
        });
      return signingIn;
    },
  };
}

/** Signs one of the laptop's users in, and answers with the header `authorization` of what that one asks for. */
export async function authorizationOf(addresses: Addresses, username: string): Promise<string> {
  const { token } = await signIn(addresses, username);
  return `Bearer ${token}`;
}

async function signIn(addresses: Addresses, username: string): Promise<{ token: string; lifeMs: number }> {
  const user = laptopUsers.find((known) => known.username === username);
  const { identity } = addresses;
  if (user === undefined || identity === undefined) {
    throw new Error(`the shop has no user ${username}, or does not say where its identity service is`);
  }
  using channel = openChannel(identity);
  const { session } = await createServiceClient(IdentityService, channel).signIn(
    { username, password: user.password },
    { timeoutMs: 30_000 },
  );
  const { accessToken: token = "", accessTokenExpireTime } = session ?? {};
  return { token, lifeMs: Number(accessTokenExpireTime?.seconds ?? 0n) * 1000 - Date.now() };
}

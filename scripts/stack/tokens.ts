import { randomUUID } from "node:crypto";
import type { CallTokens } from "@sagacart/chassis/auth/service-tokens";
import { createServiceClient, openChannel } from "@sagacart/chassis/client/client";
import { errorInfo } from "@sagacart/chassis/errors";
import { IdentityService } from "@sagacart/proto/identity/v1/identity_service";
import { laptopUsers } from "./users.ts";

type Addresses = Readonly<Record<string, string>>;

/** Returns tokens of the local operator, who may act for customers too: for scripts and tests. */
export function operatorTokens(addresses: Addresses): CallTokens {
  return signedIn(addresses, "admin");
}

/** Returns tokens of a local user. Signs in on first use and again before a token expires. */
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

/** Signs in a local user and returns the `authorization` header of their requests. */
export async function authorizationOf(addresses: Addresses, username: string): Promise<string> {
  const { token } = await signIn(addresses, username);
  return `Bearer ${token}`;
}

async function signIn(addresses: Addresses, username: string): Promise<{ token: string; lifeMs: number }> {
  const user = laptopUsers.find((known) => known.username === username);
  const { identity } = addresses;
  if (user === undefined || identity === undefined) {
    throw new Error(`the shop has no user ${username}, or no address of its identity service`);
  }
  using channel = openChannel(identity);
  const { session } = await createServiceClient(IdentityService, channel).signIn(
    { username, password: user.password },
    { timeoutMs: 30_000 },
  );
  const { accessToken: token = "", accessTokenExpireTime } = session ?? {};
  return { token, lifeMs: Number(accessTokenExpireTime?.seconds ?? 0n) * 1000 - Date.now() };
}

/** Registers an operator, and deletes them when disposed of, unless they are gone. */
export async function temporaryOperator(
  addresses: Addresses,
): Promise<AsyncDisposable & { readonly authorization: string }> {
  const { identity } = addresses;
  if (identity === undefined) {
    throw new Error("the shop has no address of its identity service");
  }
  const username = `temporary-${randomUUID().slice(0, 8)}`;
  const account = { username, password: randomUUID() };
  const asAdmin = { headers: { authorization: await authorizationOf(addresses, "admin") }, timeoutMs: 30_000 };
  using channel = openChannel(identity);
  const client = createServiceClient(IdentityService, channel);
  const { user } = await client.register({ ...account, email: `${username}@sagacart.example` });
  const id = user?.id ?? "";
  await client.setRoles({ id, roles: ["operator", "support", "customer"] }, asAdmin);
  const { session } = await client.signIn(account);
  return {
    authorization: `Bearer ${session?.accessToken}`,
    async [Symbol.asyncDispose]() {
      using later = openChannel(identity);
      const headers = { authorization: await authorizationOf(addresses, "admin") };
      await createServiceClient(IdentityService, later)
        .deleteUser({ id }, { headers, timeoutMs: 30_000 })
        .catch((error: unknown) => {
          if (errorInfo(error).reason !== "USER_NOT_FOUND") {
            throw error;
          }
        });
    },
  };
}

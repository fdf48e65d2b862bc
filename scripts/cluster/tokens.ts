import { setTimeout as sleep } from "node:timers/promises";
import type { CallTokens } from "@sagacart/chassis/auth/service-tokens";
import { optional, secret, text, url } from "@sagacart/chassis/process/config";
import { operatorName } from "../stack/users.ts";
import { totpCode, totpPeriodMs } from "./totp.ts";

/** The variables of a program that uses the gateway in a cluster, as an operator. */
export const shopEnv = {
  GATEWAY_URL: url({ protocols: ["http:", "https:"] }),
  OPERATOR_USERNAME: text({ default: operatorName }),
  OPERATOR_PASSWORD: secret(),
  /** The secret of the operator's authenticator app, in base32, where the operator has a second factor. */
  OPERATOR_TOTP_SECRET: optional(secret()),
};

export type Operator = {
  readonly GATEWAY_URL: string;
  readonly OPERATOR_USERNAME: string;
  readonly OPERATOR_PASSWORD: string;
  readonly OPERATOR_TOTP_SECRET?: string | undefined;
};

type Session = { readonly accessToken: string; readonly accessTokenExpireTime: string };
type Answer = { readonly session?: Session; readonly secondFactor?: { readonly signInToken: string } };

/** How long a sign-in with a second factor is used: less than it counts as fresh (AUTH_FRESH_SIGN_IN_MS). */
const freshMs = 240_000;

/** How long to wait for a code that no other program has used. */
const codeWithinMs = 300_000;

/**
 * Returns the operator's tokens. Signs in over the gateway on first use, again at half of a token's lifetime, and with a
 * second factor so often that it counts as fresh: money is moved by fresh ones only.
 */
export function operatorSession(config: Operator): CallTokens {
  let current: { readonly authorization: string; readonly renewAtMs: number } | undefined;
  let signingIn: Promise<string> | undefined;

  async function signIn(): Promise<string> {
    const { OPERATOR_USERNAME: username, OPERATOR_PASSWORD: password } = config;
    const response = await post(config, "/v1/sessions", { username, password });
    const { session, secondFactor } = await answerOf(config, "/v1/sessions", response);
    const { accessToken, accessTokenExpireTime } = session ?? (await giveCode(config, secondFactor?.signInToken ?? ""));
    const lifeMs = Date.parse(accessTokenExpireTime) - Date.now();
    const renewMs = session === undefined ? Math.min(lifeMs / 2, freshMs) : lifeMs / 2;
    current = { authorization: `Bearer ${accessToken}`, renewAtMs: Date.now() + renewMs };
    return current.authorization;
  }

  return {
    authorization() {
      if (current !== undefined && Date.now() < current.renewAtMs) {
        return current.authorization;
      }
      signingIn ??= signIn().finally(() => {
        signingIn = undefined;
      });
      return signingIn;
    },
  };
}

/**
 * Gives a code of the operator's authenticator app. A code can be used once: one that another program has used is refused, and
 * the next one is given.
 */
async function giveCode(config: Operator, signInToken: string): Promise<Session> {
  const { OPERATOR_TOTP_SECRET: totpSecret, OPERATOR_USERNAME: username } = config;
  if (totpSecret === undefined) {
    throw new Error(`${username} signs in with a second factor: set OPERATOR_TOTP_SECRET to the secret of its app`);
  }
  const path = "/v1/sessions:verifySecondFactor";
  const endMs = Date.now() + codeWithinMs;
  for (;;) {
    const response = await post(config, path, { signInToken, code: totpCode(totpSecret, Date.now()) });
    const pauseMs = await pauseAfter(response.clone());
    if (pauseMs === undefined || Date.now() + pauseMs > endMs) {
      const { session } = await answerOf(config, path, response);
      if (session === undefined) {
        throw new Error(`POST ${path} as ${username} answered without a session`);
      }
      return session;
    }
    await sleep(pauseMs);
  }
}

/** Returns how long to wait for another try with the next code; undefined if there is none to make. */
async function pauseAfter(response: Response): Promise<number | undefined> {
  if (response.status === 429) {
    return Number(response.headers.get("retry-after") ?? 1) * 1_000;
  }
  const isRefused = response.status === 401 && (await response.text()).includes("BAD_SECOND_FACTOR");
  return isRefused ? totpPeriodMs - (Date.now() % totpPeriodMs) : undefined;
}

async function post({ GATEWAY_URL }: Operator, path: string, body: object): Promise<Response> {
  return await fetch(new URL(path, GATEWAY_URL), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(30_000),
  });
}

async function answerOf({ OPERATOR_USERNAME }: Operator, path: string, response: Response): Promise<Answer> {
  if (!response.ok) {
    const said = (await response.text()).slice(0, 300);
    throw new Error(`POST ${path} as ${OPERATOR_USERNAME} answered ${response.status}: ${said}`);
  }
  return JSON.parse(await response.text());
}

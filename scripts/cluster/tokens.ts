import type { CallTokens } from "@sagacart/chassis/auth/service-tokens";
import { secret, text, url } from "@sagacart/chassis/process/config";
import { operatorName } from "../stack/users.ts";

/** The variables of a program that uses the gateway in a cluster, as an operator. */
export const shopEnv = {
  GATEWAY_URL: url({ protocols: ["http:", "https:"] }),
  OPERATOR_USERNAME: text({ default: operatorName }),
  OPERATOR_PASSWORD: secret(),
};

type Answer = { readonly session: { readonly accessToken: string; readonly accessTokenExpireTime: string } };

/** Returns the operator's tokens. Signs in over the gateway on first use, and again at half of a token's lifetime. */
export function operatorSession(config: {
  readonly GATEWAY_URL: string;
  readonly OPERATOR_USERNAME: string;
  readonly OPERATOR_PASSWORD: string;
}): CallTokens {
  let current: { readonly authorization: string; readonly renewAtMs: number } | undefined;
  let signingIn: Promise<string> | undefined;

  async function signIn(): Promise<string> {
    const response = await fetch(new URL("/v1/sessions", config.GATEWAY_URL), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ username: config.OPERATOR_USERNAME, password: config.OPERATOR_PASSWORD }),
      signal: AbortSignal.timeout(30_000),
    });
    if (!response.ok) {
      const said = (await response.text()).slice(0, 300);
      throw new Error(`POST /v1/sessions as ${config.OPERATOR_USERNAME} answered ${response.status}: ${said}`);
    }
    const { session }: Answer = JSON.parse(await response.text());
    const lifeMs = Date.parse(session.accessTokenExpireTime) - Date.now();
    current = { authorization: `Bearer ${session.accessToken}`, renewAtMs: Date.now() + lifeMs / 2 };
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

import { createServiceTokens, type ServiceTokens } from "@sagacart/chassis/auth/service-tokens";
import { secret, text, url } from "@sagacart/chassis/process/config";
import { createLog } from "@sagacart/chassis/process/log";

/** The variables of a program that uses the gateway in a cluster. */
export const shopEnv = {
  GATEWAY_URL: url({ protocols: ["http:", "https:"] }),
  SERVICE_CLIENT_ID: text({ default: "scripts" }),
  SERVICE_CLIENT_SECRET: secret(),
};

/** Returns the program's own tokens, requested over the gateway. */
export function shopTokens(config: {
  readonly GATEWAY_URL: string;
  readonly SERVICE_CLIENT_ID: string;
  readonly SERVICE_CLIENT_SECRET: string;
}): ServiceTokens {
  return createServiceTokens({
    tokenUrl: new URL("/oidc/token", config.GATEWAY_URL),
    clientId: config.SERVICE_CLIENT_ID,
    clientSecret: config.SERVICE_CLIENT_SECRET,
    audience: "sagacart",
    log: createLog({ service: "scripts", level: "error" }),
  });
}

import type { Named, RecordedEvent } from "@sagacart/chassis/auth/security-line";
import type { SecurityLog, SecurityRecord } from "@sagacart/chassis/auth/security-log";
import type { KoaContextWithOIDC, Provider } from "oidc-provider";

/**
 * Records in the security log what oidc-provider does: tokens issued and refused, sign-ins that an application may not ask
 * for, sign-outs, and tokens that were used twice. Applications and programs are named once they are known, and errors by
 * the library's own names: nothing that a caller sent is recorded.
 */
export function recordProviderEvents(provider: Provider, security: SecurityLog | undefined): void {
  if (security === undefined) {
    return;
  }
  const refuse = (record: SecurityRecord) => security.record({ outcome: "refused", repeats: true, ...record });

  provider.on("grant.success", (ctx) => {
    security.record({ event: "token.issued", actor: clientOf(ctx), object: userOf(ctx), factor: grantTypeOf(ctx) });
  });
  provider.on("grant.error", (ctx, { error }) => {
    // The client has not proven who it is, or has no right to it.
    const object = { kind: "client", id: ctx.oidc.client?.clientId ?? "" };
    refuse({ event: "token.issued", object, factor: grantTypeOf(ctx), reason: nameOf(error) });
  });
  provider.on("server_error", (ctx) => {
    if (ctx.oidc?.route === "token") {
      const failed = { outcome: "failed", reason: "SERVER_ERROR", repeats: true } as const;
      security.record({ event: "token.issued", factor: grantTypeOf(ctx), ...failed });
    }
  });
  provider.on("grant.revoked", (ctx) => {
    if (ctx.oidc.route === "revocation") {
      security.record({ event: "token.revoked", actor: clientOf(ctx), object: userOf(ctx) });
    } else if (ctx.oidc.route === "token") {
      const [event, reason] = reuseOf(grantTypeOf(ctx));
      security.record({ event, outcome: "refused", reason, actor: clientOf(ctx), object: userOf(ctx) });
    }
  });
  provider.on("revocation.error", (ctx, { error }) => {
    const object = { kind: "client", id: ctx.oidc.client?.clientId ?? "" };
    refuse({ event: "token.revoked", object, reason: nameOf(error) });
  });
  provider.on("authorization.error", (ctx, { error }) => {
    const object = { kind: "client", id: ctx.oidc.client?.clientId ?? "" };
    refuse({ event: "authorization.refused", object, reason: nameOf(error) });
  });
  provider.on("end_session.success", (ctx) => {
    const { IdTokenHint: hint } = ctx.oidc.entities;
    const id = ctx.oidc.session?.accountId ?? hint?.payload.sub;
    security.record({ event: "session.ended", object: { kind: "user", id: typeof id === "string" ? id : "" } });
  });
}

/** The event and reason of a token that was used before, which ends all that was issued by it: somebody may have stolen it. */
function reuseOf(grantType: string): [event: RecordedEvent, reason: string] {
  return grantType === "authorization_code"
    ? ["authorization_code.reused", "CODE_REUSED"]
    : ["refresh_token.reused", "TOKEN_REUSED"];
}

function clientOf({ oidc: { client } }: KoaContextWithOIDC): Named {
  const isProgram = client?.grantTypes?.includes("client_credentials") === true;
  return { kind: isProgram ? "service" : "application", id: client?.clientId ?? "" };
}

function userOf({ oidc: { account, entities } }: KoaContextWithOIDC): Named {
  const id = account?.accountId ?? entities.RefreshToken?.accountId ?? entities.AuthorizationCode?.accountId;
  return id === undefined ? { kind: "", id: "" } : { kind: "user", id };
}

/** Returns the kind of proof; "" for one that is not served, which may be any text. */
function grantTypeOf({ oidc }: KoaContextWithOIDC): string {
  const given = oidc.params?.grant_type;
  return typeof given === "string" && grantTypes.has(given) ? given : "";
}

const grantTypes: ReadonlySet<string> = new Set(["authorization_code", "refresh_token", "client_credentials"]);

/** `invalid_client` is INVALID_CLIENT, as reasons are written. */
function nameOf(error: string): string {
  return /^[a-z_]{1,40}$/.test(error) ? error.toUpperCase() : "ERROR";
}

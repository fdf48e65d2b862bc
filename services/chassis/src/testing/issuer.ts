import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { base64url, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import type { RoleName } from "../auth/principal.ts";
import { createVerifier, type Verifier, type VerifierOptions } from "../auth/verify.ts";

/** How a token of the test issuer differs from a valid one. */
export type TokenChanges = {
  expiresInS?: number;
  audience?: string;
  issuer?: string;
  /** Signed with another key than the issuer's, under the issuer's key id. */
  forged?: boolean;
  /** Does not name the key that signed it. */
  withoutKeyId?: boolean;
};

export type TestIssuer = AsyncDisposable & {
  readonly issuer: string;
  readonly jwksUrl: URL;
  readonly tokenUrl: URL;
  /** The number of requests for keys and for tokens. */
  readonly asked: { jwks: number; token: number };
  /** If true, the list of keys lacks the newest one, as a replica's may for a moment. */
  givesFormerKeys: boolean;
  /** If true, all requests are answered with 503. */
  down: boolean;
  /** The number of requests answered with 503. */
  refused: number;
  /** The lifetime of the token endpoint's tokens. */
  tokenSeconds: number;
  /** Signs with a new key from now on. */
  rotate(): Promise<void>;
  sign(claims: JWTPayload, changes?: TokenChanges): Promise<string>;
  /** Returns the header `authorization` with a token with these roles. */
  bearer(subject: string, roles: readonly RoleName[], changes?: TokenChanges): Promise<string>;
  /** Returns the header `authorization` with a token with `alg: none`. */
  unsigned(subject: string, roles: readonly RoleName[]): string;
  verifier(options?: Partial<VerifierOptions>): Verifier;
};

/** Starts an issuer that accepts each client with the secret `<client>-secret`. */
export async function startIssuer(): Promise<TestIssuer> {
  const keys: Keys[] = [await makeKeys("key-1")];
  const forger = await makeKeys("key-1");
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => response.destroy(error));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const origin = `http://127.0.0.1:${port}`;

  async function sign(claims: JWTPayload, changes: TokenChanges = {}): Promise<string> {
    const { kid, privateKey } = changes.forged === true ? forger : newest(keys);
    const nowS = Math.floor(Date.now() / 1000);
    return await new SignJWT({ auth_time: nowS, ...claims })
      .setProtectedHeader({ alg: "ES256", typ: "at+jwt", ...(changes.withoutKeyId === true ? {} : { kid }) })
      .setIssuer(changes.issuer ?? origin)
      .setAudience(changes.audience ?? "sagacart")
      .setIssuedAt(nowS)
      .setExpirationTime(nowS + (changes.expiresInS ?? 900))
      .sign(privateKey);
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const json = (status: number, body: object) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (issuer.down) {
      issuer.refused++;
      json(503, { error: "temporarily_unavailable" });
    } else if (request.url === "/jwks") {
      issuer.asked.jwks++;
      json(200, { keys: keys.slice(0, issuer.givesFormerKeys ? -1 : undefined).map(({ jwk }) => jwk) });
    } else if (request.url === "/no-keys") {
      json(200, { keys: [] });
    } else if (request.url === "/token" && request.method === "POST") {
      issuer.asked.token++;
      const [clientId = "", secret = ""] = credentialsOf(request);
      const form = new URLSearchParams(await text(request));
      if (secret !== `${clientId}-secret` || form.get("grant_type") !== "client_credentials") {
        json(401, { error: "invalid_client" });
        return;
      }
      const claims = { sub: `service:${clientId}`, roles: ["service"] };
      const access_token = await sign(claims, { expiresInS: issuer.tokenSeconds });
      json(200, { access_token, expires_in: issuer.tokenSeconds, token_type: "Bearer" });
    } else {
      json(404, { error: "not_found" });
    }
  }

  const issuer: TestIssuer = {
    issuer: origin,
    jwksUrl: new URL(`${origin}/jwks`),
    tokenUrl: new URL(`${origin}/token`),
    asked: { jwks: 0, token: 0 },
    givesFormerKeys: false,
    down: false,
    refused: 0,
    tokenSeconds: 3_600,
    async rotate() {
      keys.push(await makeKeys(`key-${keys.length + 1}`));
    },
    sign,
    bearer: async (sub, roles, changes) => `Bearer ${await sign({ sub, roles: [...roles] }, changes)}`,
    unsigned(sub, roles) {
      const exp = Math.floor(Date.now() / 1000) + 900;
      const parts = [
        { alg: "none", typ: "JWT" },
        { iss: origin, aud: "sagacart", sub, roles, exp },
      ];
      return `Bearer ${parts.map((part) => base64url.encode(JSON.stringify(part))).join(".")}.`;
    },
    verifier: (options) =>
      createVerifier({
        issuer: origin,
        jwksUrl: new URL(`${origin}/jwks`),
        audience: "sagacart",
        claims: { rolesClaim: "roles", roleMap: new Map(), customerIds: "subject" },
        clockToleranceMs: 0,
        ...options,
      }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return issuer;
}

type Keys = Awaited<ReturnType<typeof makeKeys>>;

async function makeKeys(kid: string) {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  return { kid, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg: "ES256", use: "sig" } };
}

function newest(keys: readonly Keys[]): Keys {
  const last = keys.at(-1);
  if (last === undefined) {
    throw new Error("the issuer has no key");
  }
  return last;
}

function credentialsOf({ headers }: IncomingMessage): string[] {
  const basic = /^Basic (.+)$/.exec(headers.authorization ?? "")?.[1] ?? "";
  return Buffer.from(basic, "base64").toString().split(":").map(decodeURIComponent);
}

import { tokenEnv } from "@sagacart/chassis/auth/env";
import { type ConnectionLimits, publicConnections } from "@sagacart/chassis/connections/limits";
import { int, serverEnv, withCertificate } from "@sagacart/chassis/process/config";
import { tlsEnv } from "@sagacart/chassis/tls/env";

/** The variables that every process with REST has. */
export function restEnv(defaultPort: number, connections: ConnectionLimits = publicConnections) {
  return {
    ...serverEnv(defaultPort, connections),
    ...tokenEnv(),
    ...tlsEnv(),
    /** Serve over TLS with TLS_CERT_FILE; without it, TLS is only for calls to the services. No client certificate is asked for. */
    SERVE_TLS: withCertificate,
    /** The largest body of a caller with a token, in bytes. */
    BODY_LIMIT_BYTES: int({ min: 1024, max: 2_097_152, default: 1_048_576 }),
    /** The largest body where nobody is signed in, in bytes. */
    ANONYMOUS_BODY_LIMIT_BYTES: int({ min: 1024, max: 2_097_152, default: 65_536 }),
  };
}

type Read<S extends Record<string, (...args: never[]) => unknown>> = { readonly [K in keyof S]: ReturnType<S[K]> };
export type RestConfig = Read<ReturnType<typeof restEnv>>;

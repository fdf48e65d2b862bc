import { tokenEnv } from "@sagacart/chassis/auth/env";
import { type Env, flag, int, serverEnv } from "@sagacart/chassis/process/config";
import { tlsEnv } from "@sagacart/chassis/tls/env";
import { type ConnectionLimits, publicConnections } from "./connection-limits.ts";

/** The variables that every process with REST has. */
export function restEnv(defaultPort: number, connections: ConnectionLimits = publicConnections) {
  return {
    ...serverEnv(defaultPort),
    ...tokenEnv(),
    ...tlsEnv(),
    /** Serve over TLS with TLS_CERT_FILE; without it, TLS is only for calls to the services. No client certificate is asked for. */
    SERVE_TLS: serveTls,
    /** The largest body of a caller with a token, in bytes. */
    BODY_LIMIT_BYTES: int({ min: 1024, max: 2_097_152, default: 1_048_576 }),
    /** The largest body where nobody is signed in, in bytes. */
    ANONYMOUS_BODY_LIMIT_BYTES: int({ min: 1024, max: 2_097_152, default: 65_536 }),
    /** The most open connections; more are closed at once. 0: no limit. */
    MAX_CONNECTIONS: int({ min: 0, max: 1_000_000, default: connections.connections }),
    /** The most open connections of one address; trusted proxies have no such limit. 0: no limit. */
    MAX_CONNECTIONS_PER_ADDRESS: int({ min: 0, max: 1_000_000, default: connections.connectionsPerAddress }),
    /** The most requests at a time on one connection of HTTP/2. */
    MAX_STREAMS_PER_CONNECTION: int({ min: 1, max: 100_000, default: connections.streamsPerConnection }),
    /** How long a request may take to come in completely. */
    REQUEST_TIMEOUT_MS: int({ min: 1_000, max: 3_600_000, default: connections.requestTimeoutMs }),
    /** How long a connection without a request is kept. */
    IDLE_TIMEOUT_MS: int({ min: 1_000, max: 3_600_000, default: connections.idleTimeoutMs }),
    /** How long a caller may read nothing of its answer. */
    STALLED_ANSWER_MS: int({ min: 1_000, max: 3_600_000, default: connections.stalledAnswerMs }),
  };
}

/** Returns the limits that were configured. */
export function connectionLimitsOf(config: RestConfig): ConnectionLimits {
  return {
    connections: config.MAX_CONNECTIONS,
    connectionsPerAddress: config.MAX_CONNECTIONS_PER_ADDRESS,
    streamsPerConnection: config.MAX_STREAMS_PER_CONNECTION,
    requestTimeoutMs: config.REQUEST_TIMEOUT_MS,
    idleTimeoutMs: config.IDLE_TIMEOUT_MS,
    stalledAnswerMs: config.STALLED_ANSWER_MS,
  };
}

type Read<S extends Record<string, (...args: never[]) => unknown>> = { readonly [K in keyof S]: ReturnType<S[K]> };
export type RestConfig = Read<ReturnType<typeof restEnv>>;

function serveTls(value: string | undefined, env: Env): boolean {
  const serve = flag(false)(value, env);
  if (serve && (env.TLS_CERT_FILE ?? "") === "") {
    throw new Error("is true, and there is no TLS_CERT_FILE to serve with");
  }
  return serve;
}

import { readFileSync } from "node:fs";
import { securityLogTarget } from "../auth/security-file.ts";
import { type ConnectionLimits, serviceConnections } from "../connections/limits.ts";
import { currentCurrencies } from "../currencies.ts";
import { withUrlFile } from "../postgres/credentials.ts";
import { withCa } from "../postgres/url.ts";
import { trustedFile } from "../tls/pem.ts";
import type { LogLevel } from "./log.ts";

/** The environment: names to texts, as in `process.env`. */
export type Env = Readonly<Record<string, string | undefined>>;

/** Parses one variable: undefined if it is absent or empty. Throws an error whose message follows the variable's name. */
export type Parser<T> = (value: string | undefined, env: Env) => T;

type Spec = Readonly<Record<string, Parser<unknown>>>;
type Values<S extends Spec> = { readonly [K in keyof S]: ReturnType<S[K]> };

/** Invalid variables. Each problem names its variable; the message has one problem a line. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join("\n"));
    this.problems = problems;
  }
}

/**
 * Reads the variables of a service. Throws one ConfigError with all problems.
 *
 * A variable may be in a file instead, named by `<NAME>_FILE`, as secrets are mounted.
 */
export function readEnv<S extends Spec>(spec: S, env: Env = process.env): Values<S> {
  const values: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const [name, parse] of Object.entries(spec)) {
    try {
      values[name] = parse(given(name, env), env);
    } catch (error) {
      problems.push(`${name} ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (problems.length > 0) {
    throw new ConfigError(problems);
  }
  // Every key of the spec was just parsed by its own parser.
  return values as Values<S>;
}

function given(name: string, env: Env): string | undefined {
  const value = env[name];
  const file = env[`${name}_FILE`];
  if (value !== undefined && value !== "") {
    return value;
  }
  if (file === undefined || file === "") {
    return undefined;
  }
  try {
    // Editors and `echo` end a file with a newline, which is not part of the secret.
    const content = readFileSync(file, "utf8").replace(/\r?\n$/, "");
    return content === "" ? undefined : content;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`cannot be read from its file, ${name}_FILE: ${why}`, { cause: error });
  }
}

/** Reads two parts of the environment. Throws one ConfigError with the problems of both. */
export function readBoth<A, B>(one: () => A, other: () => B): [A, B] {
  const [a, b] = [attempt(one), attempt(other)];
  if (a.ok && b.ok) {
    return [a.value, b.value];
  }
  throw new ConfigError([a, b].flatMap((part) => (part.ok ? [] : part.problems)));
}

function attempt<T>(read: () => T): { ok: true; value: T } | { ok: false; problems: readonly string[] } {
  try {
    return { ok: true, value: read() };
  } catch (error) {
    if (error instanceof ConfigError) {
      return { ok: false, problems: error.problems };
    }
    throw error;
  }
}

/** A text; required without a default. */
export function text(options: { default?: string; pattern?: RegExp } = {}): Parser<string> {
  return (value) => {
    const given = value ?? required(options.default, "a text");
    if (options.pattern !== undefined && !options.pattern.test(given)) {
      throw new Error(`must match ${options.pattern.source}, got ${JSON.stringify(given)}`);
    }
    return given;
  };
}

/** A currency, by its code: a current one of ISO 4217. */
export function currency(fallback: string): Parser<string> {
  return (value) => {
    const given = value ?? fallback;
    if (!currentCurrencies().includes(given)) {
      throw new Error(`must be a current currency of ISO 4217, such as EUR, got ${JSON.stringify(given)}`);
    }
    return given;
  };
}

/** One of a few words. */
export function oneOf<const W extends string>(words: readonly W[], fallback?: W): Parser<W> {
  return (value) => {
    const given = value ?? required(fallback, `one of ${words.join(", ")}`);
    const word = words.find((word) => word === given);
    if (word === undefined) {
      throw new Error(`must be one of ${words.join(", ")}, got ${JSON.stringify(given)}`);
    }
    return word;
  };
}

/** A whole number from min to max. */
export function int(options: { min: number; max: number; default?: number }): Parser<number> {
  const what = `a whole number from ${options.min} to ${options.max}`;
  return (value) => {
    const given = value ?? String(required(options.default, what));
    const number = Number(given);
    if (!/^-?\d+$/.test(given) || number < options.min || number > options.max) {
      throw new Error(`must be ${what}, got ${JSON.stringify(given)}`);
    }
    return number;
  };
}

/** A TCP port; 0 takes a free one. */
export function port(fallback?: number): Parser<number> {
  return int({ min: 0, max: 65535, ...(fallback === undefined ? {} : { default: fallback }) });
}

/** A duration in ms, at most a day. */
export function durationMs(fallback?: number): Parser<number> {
  return int({ min: 0, max: 86_400_000, ...(fallback === undefined ? {} : { default: fallback }) });
}

/** An absolute URL with one of the protocols (`https:`). Errors do not show it: it may contain a password. */
export function url(options: { protocols: readonly string[]; default?: string }): Parser<string> {
  const what = `a URL that begins with ${options.protocols.map((protocol) => `${protocol}//`).join(" or ")}`;
  return (value) => {
    const given = value ?? required(options.default, what);
    if (!URL.canParse(given) || !options.protocols.includes(new URL(given).protocol)) {
      throw new Error(`must be ${what}`);
    }
    return given;
  };
}

/** `true` or `false`. */
export function flag(fallback?: boolean): Parser<boolean> {
  return (value) => {
    const given = value ?? String(required(fallback, "true or false"));
    if (given !== "true" && given !== "false") {
      throw new Error(`must be true or false, got ${JSON.stringify(given)}`);
    }
    return given === "true";
  };
}

/** A secret text. Errors do not show it. */
export function secret(options: { default?: string; minLength?: number } = {}): Parser<string> {
  return (value) => {
    const given = value ?? required(options.default, "a secret");
    if (given.length < (options.minLength ?? 1)) {
      throw new Error(`must have at least ${options.minLength} characters`);
    }
    return given;
  };
}

/** Secrets separated by commas: the one in use, and others that are valid while it is changed. Errors do not show them. */
export function secrets(options: { minLength?: number } = {}): Parser<readonly [string, ...string[]]> {
  const { minLength = 1 } = options;
  return (value) => {
    const [first = "", ...others] = required(value, "a secret, or several separated by commas")
      .split(",")
      .map((one) => one.trim());
    if ([first, ...others].some(({ length }) => length < minLength)) {
      throw new Error(`must be one or more secrets of at least ${minLength} characters, separated by commas`);
    }
    return [first, ...others];
  };
}

/** Texts separated by commas; spaces around them are ignored. */
export function list(options: { default?: readonly string[]; pattern?: RegExp } = {}): Parser<readonly string[]> {
  return (value) => {
    if (value === undefined) {
      return required(options.default, "a list separated by commas");
    }
    const items = value.split(",").map((item) => item.trim());
    const wrong = items.find((item) => item === "" || (options.pattern !== undefined && !options.pattern.test(item)));
    if (wrong !== undefined) {
      throw new Error(`has an invalid item: ${JSON.stringify(wrong)}`);
    }
    return items;
  };
}

/**
 * Web origins separated by commas, for example `https://shop.example`, as browsers write them: in lower case, without the port
 * of the scheme. Browsers compare them as texts, so another spelling would match nothing.
 */
export function origins(options: {
  readonly protocols: readonly ("http:" | "https:")[];
  readonly default?: readonly string[];
  /** Items that are taken as they are, for example `*`. */
  readonly besides?: readonly string[];
}): Parser<readonly string[]> {
  const { protocols, besides = [] } = options;
  const items = list(options.default === undefined ? {} : { default: options.default });
  return (value, env) => {
    const found = items(value, env).map((item) => (besides.includes(item) ? item : originOf(item, protocols)));
    return [...new Set(found)];
  };
}

function originOf(item: string, protocols: readonly string[]): string {
  const url = URL.parse(item);
  // More than a parser asks: `https://*.example` is a URL, too, and so is one with a path.
  const isOrigin = /^[a-z]+:\/\/[^/?#@\\\s]+\/?$/i.test(item) && /^(?:[\w.-]+|\[[\w:]+\])$/.test(url?.hostname ?? "");
  if (url === null || !isOrigin || !protocols.includes(url.protocol)) {
    throw new Error(`has an invalid item: ${JSON.stringify(item)}`);
  }
  return url.origin;
}

/** An optional variable; undefined if it is absent. */
export function optional<T>(parser: Parser<T>): Parser<T | undefined> {
  return (value, env) => (value === undefined ? undefined : parser(value, env));
}

function required<T>(fallback: T | undefined, what: string): T {
  if (fallback === undefined) {
    throw new Error(`is not set; it must be ${what}`);
  }
  return fallback;
}

const levels = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const satisfies readonly LogLevel[];

/** The variables of a server without a database. */
export function serverEnv(defaultPort: number, connections: ConnectionLimits = serviceConnections) {
  return {
    /** The address to listen on. By default loopback; 0.0.0.0 or :: in a container. */
    HOST: text({ default: "127.0.0.1" }),
    PORT: port(defaultPort),
    /** The port for metrics and probes over HTTP/1.1. By default PORT + 1000. */
    ADMIN_PORT: aboveThePort(defaultPort),
    /** Serve metrics and probes over TLS, with TLS_CERT_FILE. */
    ADMIN_TLS: withCertificate,
    LOG_LEVEL: oneOf(levels, "info"),
    /** Where the security log goes: `stdout`, the default, or the absolute path of a file, which is appended to, readable by its owner alone, and opened anew after it was moved or at SIGHUP. */
    SECURITY_LOG: securityLogTarget,
    /** How long calls in progress may take to finish after SIGTERM, including background work and the pool. */
    DRAIN_TIMEOUT_MS: durationMs(10_000),
    /** How long to be not ready and still serve before draining, so that callers and load balancers notice. */
    SHUTDOWN_DELAY_MS: durationMs(0),
    /** The age at which a connection gets GOAWAY, so that callers find new pods. */
    MAX_CONNECTION_AGE_MS: durationMs(300_000),
    /** The most open connections; more are closed at once. 0: no limit. Services take 10,000, the gateway 4,000, the surfaces 20,000. */
    MAX_CONNECTIONS: int({ min: 0, max: 1_000_000, default: connections.connections }),
    /** The most open connections of one address; the gateway's trusted proxies have no such limit. 0: no limit. Services take 2,500, the gateway 100. */
    MAX_CONNECTIONS_PER_ADDRESS: int({ min: 0, max: 1_000_000, default: connections.connectionsPerAddress }),
    /** The most requests at a time on one connection of HTTP/2. Services take 5,000: all that one gateway may have at a time. */
    MAX_STREAMS_PER_CONNECTION: int({ min: 1, max: 100_000, default: connections.streamsPerConnection }),
    /** How long a request may take to come in completely. A minute where absent. */
    REQUEST_TIMEOUT_MS: int({ min: 1_000, max: 3_600_000, default: connections.requestTimeoutMs }),
    /** How long a connection without a request is kept. Services keep it for 5 minutes, the gateway for 75 seconds. */
    IDLE_TIMEOUT_MS: int({ min: 1_000, max: 7_200_000, default: connections.idleTimeoutMs }),
    /** How long a caller may read nothing of its answer. Half a minute where absent. */
    STALLED_ANSWER_MS: int({ min: 1_000, max: 3_600_000, default: connections.stalledAnswerMs }),
  };
}

/** Returns the limits that were configured; what is not configurable is as in `connections`. */
export function connectionLimitsOf(config: ConnectionConfig, connections: ConnectionLimits): ConnectionLimits {
  return {
    ...connections,
    connections: config.MAX_CONNECTIONS,
    connectionsPerAddress: config.MAX_CONNECTIONS_PER_ADDRESS,
    streamsPerConnection: config.MAX_STREAMS_PER_CONNECTION,
    requestTimeoutMs: config.REQUEST_TIMEOUT_MS,
    idleTimeoutMs: config.IDLE_TIMEOUT_MS,
    stalledAnswerMs: config.STALLED_ANSWER_MS,
  };
}

type ConnectionConfig = Readonly<
  Record<
    | "MAX_CONNECTIONS"
    | "MAX_CONNECTIONS_PER_ADDRESS"
    | "MAX_STREAMS_PER_CONNECTION"
    | "REQUEST_TIMEOUT_MS"
    | "IDLE_TIMEOUT_MS"
    | "STALLED_ANSWER_MS",
    number
  >
>;

/** The variables of a service: a server with its own database. */
export function serviceEnv(defaultPort: number) {
  return {
    ...serverEnv(defaultPort),
    ...databaseEnv(),
    DATABASE_POOL_SIZE: int({ min: 1, max: 500, default: 10 }),
  };
}

/** The variables of a database. */
export function databaseEnv() {
  return {
    /** The service's database, as a role that need not be its owner. DATABASE_CA_FILE is added to the URL. From a file, its password is read for each connection. */
    DATABASE_URL: databaseUrl("DATABASE_URL"),
    /** The CA of the server's certificate. With it, connections use TLS only, and the server's name is verified. */
    DATABASE_CA_FILE: trustedFile,
  };
}

/** The variables of the migrations, which run before a service starts. */
export function migrationsEnv() {
  return {
    ...databaseEnv(),
    /** The same database, as the role that owns it, which migrates and gives the role of DATABASE_URL its rights. Without it, DATABASE_URL is the owner's. */
    DATABASE_OWNER_URL: optional(databaseUrl("DATABASE_OWNER_URL")),
    /** How long to wait for a database and roles that are created at the same time. */
    DATABASE_WAIT_MS: durationMs(0),
  };
}

const plainDatabaseUrl = url({ protocols: ["postgres:", "postgresql:"] });

/** The URL of a database in this variable, or in the file that it names; DATABASE_CA_FILE is added to it. */
function databaseUrl(name: string): Parser<string> {
  return (value, env) => {
    const file = (env[name] ?? "") === "" ? (env[`${name}_FILE`] ?? "") : "";
    const given = plainDatabaseUrl(value, env);
    const plain = file === "" ? given : withUrlFile(given, file);
    const caFile = env.DATABASE_CA_FILE ?? "";
    return caFile === "" ? plain : withCa(plain, caFile);
  };
}

/** Parses a flag that turns TLS on for a port. */
export function withCertificate(value: string | undefined, env: Env): boolean {
  const isOn = flag(false)(value, env);
  if (isOn && (env.TLS_CERT_FILE ?? "") === "") {
    throw new Error("is true, and there is no TLS_CERT_FILE to serve with");
  }
  return isOn;
}

function aboveThePort(defaultPort: number): Parser<number> {
  return (value, env) => {
    if (value !== undefined) {
      return port()(value, env);
    }
    const serving = Number(env.PORT === undefined || env.PORT === "" ? defaultPort : env.PORT);
    // An invalid PORT is reported under its own name.
    return Number.isInteger(serving) && serving > 0 && serving <= 64_535 ? serving + 1000 : 0;
  };
}

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  ConfigError,
  durationMs,
  flag,
  int,
  list,
  oneOf,
  optional,
  type Parser,
  port,
  readEnv,
  secret,
  serverEnv,
  serviceEnv,
  text,
  url,
} from "./config.ts";

test("all invalid variables are named, not only the first", () => {
  const spec = {
    PORT: port(8080),
    DATABASE_URL: url({ protocols: ["postgres:", "postgresql:"] }),
    DEBUG: flag(false),
    NAME: text({ default: "shop" }),
  };

  expect(problemsOf(spec, { PORT: "http", DEBUG: "yes" })).toEqual([
    'PORT must be a whole number from 0 to 65535, got "http"',
    "DATABASE_URL is not set; it must be a URL that begins with postgres:// or postgresql://",
    'DEBUG must be true or false, got "yes"',
  ]);
});

test("values have their types", () => {
  const config = readEnv(
    {
      PORT: port(),
      RATIO: int({ min: -5, max: 5 }),
      WAIT_MS: durationMs(10),
      DEBUG: flag(),
      NAMES: list(),
      LEVEL: oneOf(["low", "high"]),
      TOKEN: optional(secret()),
    },
    { PORT: "80", RATIO: "-3", DEBUG: "true", NAMES: "a, b", LEVEL: "high" },
  );

  expect(config).toEqual({
    PORT: 80,
    RATIO: -3,
    WAIT_MS: 10,
    DEBUG: true,
    NAMES: ["a", "b"],
    LEVEL: "high",
    TOKEN: undefined,
  });
});

test("a variable may be in a file, whose last newline does not count", async () => {
  const folder = await mkdtemp(join(tmpdir(), "config-"));
  const file = join(folder, "token");
  await writeFile(file, "s3cret\n");
  const spec = { TOKEN: secret() };

  expect(readEnv(spec, { TOKEN_FILE: file })).toEqual({ TOKEN: "s3cret" });
  expect(readEnv(spec, { TOKEN: "set", TOKEN_FILE: file })).toEqual({ TOKEN: "set" });
  expect(problemsOf(spec, { TOKEN_FILE: join(folder, "none") })).toEqual([
    `TOKEN cannot be read from its file, TOKEN_FILE: ENOENT: no such file or directory, open '${join(folder, "none")}'`,
  ]);
  await rm(folder, { recursive: true });
});

test("an empty variable counts as absent", () => {
  expect(readEnv({ PORT: port(8080) }, { PORT: "" })).toEqual({ PORT: 8080 });
});

test.each<[string, Parser<unknown>, string | undefined, string]>([
  ["a text that is missing", text(), undefined, "X is not set; it must be a text"],
  ["a text of another form", text({ pattern: /^[a-z]+$/ }), "A1", 'X must match ^[a-z]+$, got "A1"'],
  ["a number too small", int({ min: 1, max: 5 }), "0", 'X must be a whole number from 1 to 5, got "0"'],
  ["a number too large", int({ min: 1, max: 5 }), "6", 'X must be a whole number from 1 to 5, got "6"'],
  ["a fraction", int({ min: 1, max: 5 }), "1.5", 'X must be a whole number from 1 to 5, got "1.5"'],
  ["a number with words", int({ min: 1, max: 5 }), "3s", 'X must be a whole number from 1 to 5, got "3s"'],
  ["a port that is none", port(), "65536", 'X must be a whole number from 0 to 65535, got "65536"'],
  ["a URL of another kind", url({ protocols: ["https:"] }), "http://x", "X must be a URL that begins with https://"],
  ["no URL at all", url({ protocols: ["https:"] }), "secret@host", "X must be a URL that begins with https://"],
  ["a word that is not among them", oneOf(["a", "b"]), "c", 'X must be one of a, b, got "c"'],
  ["a list with a hole", list(), "a,,b", 'X has an invalid item: ""'],
  ["a list with a wrong item", list({ pattern: /^\d$/ }), "1,x", 'X has an invalid item: "x"'],
  ["a short secret", secret({ minLength: 8 }), "hunter2", "X must have at least 8 characters"],
])("%s is refused", (_, parser, value, problem) => {
  expect(problemsOf({ X: parser }, { X: value })).toEqual([problem]);
});

test("a service on a laptop needs its database's URL only", () => {
  expect(readEnv(serviceEnv(8081), { DATABASE_URL: "postgres://localhost/order" })).toEqual({
    HOST: "127.0.0.1",
    PORT: 8081,
    ADMIN_PORT: 9081,
    ADMIN_TLS: false,
    LOG_LEVEL: "info",
    SECURITY_LOG: "stdout",
    DATABASE_URL: "postgres://localhost/order",
    DATABASE_CA_FILE: undefined,
    DATABASE_POOL_SIZE: 10,
    DRAIN_TIMEOUT_MS: 10_000,
    SHUTDOWN_DELAY_MS: 0,
    MAX_CONNECTION_AGE_MS: 300_000,
    MAX_CONNECTIONS: 10_000,
    MAX_CONNECTIONS_PER_ADDRESS: 2_500,
    MAX_STREAMS_PER_CONNECTION: 5_000,
    REQUEST_TIMEOUT_MS: 60_000,
    IDLE_TIMEOUT_MS: 300_000,
    STALLED_ANSWER_MS: 30_000,
  });
});

test.each([
  [{}, 9080],
  [{ PORT: "5000" }, 6000],
  [{ PORT: "0" }, 0],
  [{ PORT: "5000", ADMIN_PORT: "7000" }, 7000],
])("the admin port for %j is %d", (env, adminPort) => {
  expect(readEnv(serverEnv(8080), env).ADMIN_PORT).toBe(adminPort);
});

function problemsOf(spec: Record<string, Parser<unknown>>, env: Record<string, string | undefined>): readonly string[] {
  try {
    readEnv(spec, env);
    return [];
  } catch (error) {
    return error instanceof ConfigError ? error.problems : [String(error)];
  }
}

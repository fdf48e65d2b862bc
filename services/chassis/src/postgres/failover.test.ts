import { chown, mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { type Postgres, startPostgres } from "../../../../scripts/stack/postgres.ts";
import { errorInfo, toConnectError } from "../errors.ts";
import { databaseEnv, readEnv } from "../process/config.ts";
import { createLog, type Log } from "../process/log.ts";
import { type Authority, createAuthority, createSecretFolder } from "../testing/certificates.ts";
import { silentLog } from "../testing/log.ts";
import { takeLead } from "./leader-lock.ts";
import { createPool, type Pool, type PoolOptions, withTransaction } from "./pool.ts";
import { createWake } from "./wake.ts";
import { whenAvailable } from "./when-available.ts";

// A server of their own, which these tests stop, start, and make a standby of and a primary again.
let folder: string;
let postgres: Postgres;
let authority: Authority;
const pools = new Set<Pool>();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sagacart-failover-"));
  authority = await createAuthority();
  postgres = await start();
  await secure(postgres.dataDirectory);
  await restart();
  const admin = open();
  await admin.query("create table writes (id bigint generated always as identity)");
});

afterAll(async () => {
  await postgres.stop();
  await rm(folder, { recursive: true, force: true });
});

afterEach(async () => {
  await Promise.all([...pools].map((pool) => pool.end()));
  pools.clear();
});

test("a restart of the server fails calls with UNAVAILABLE only, and the pool recovers", async () => {
  const pool = open({ size: 4 });
  const failures: unknown[] = [];
  const write = () =>
    withTransaction(pool, async (tx) => {
      await tx.query("insert into writes default values");
      await tx.query("select pg_sleep(0.005)");
    }).then(
      () => true,
      (error) => {
        failures.push(toConnectError(error, "echo"));
        return false;
      },
    );
  let done = false;
  const writers = Array.from({ length: 8 }, async () => {
    while (!done) {
      if (!(await write())) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  });

  await restart();

  await expect.poll(write).toBe(true);
  done = true;
  await Promise.all(writers);
  expect(failures.length).toBeGreaterThan(0);
  expect(failures.map((error) => errorInfo(error)).filter(({ reason }) => reason !== "DATABASE_UNAVAILABLE")).toEqual(
    [],
  );
});

test("a server that became a standby fails writes with UNAVAILABLE, and that connection is dropped", async () => {
  await restart("standby");
  const pool = open({ size: 1 });
  const write = () => withTransaction(pool, (tx) => tx.query("insert into writes default values"));
  const { pid } = await backend(pool);

  const failure = toConnectError(await write().catch((error: unknown) => error), "echo");
  const after = await backend(pool);
  await pool.query("select pg_promote()");

  expect(failure).toMatchObject({ code: Code.Unavailable });
  expect(after.pid).not.toBe(pid);
  await expect.poll(() => write().then(() => "written", String)).toBe("written");
});

test("a standby has no leader, and one can be elected once it is the primary", async () => {
  await restart("standby");
  const pool = open();

  const standby = await takeLead(pool, "test").catch((error: unknown) => toConnectError(error, "echo"));
  await pool.query("select pg_promote()");

  expect(standby).toMatchObject({ code: Code.Unavailable });
  await expect.poll(() => takeLead(pool, "test").then((lead) => lead?.give() ?? "led", String)).toBe("led");
});

test("work at the start waits for an unreachable database, and throws other errors", async () => {
  const wire = await createWire(postgres.port);
  const pool = open({ url: wire.url(postgres.adminUrl) });
  const { port } = wire;
  await wire[Symbol.asyncDispose]();
  const { log, said } = lines();

  const started = whenAvailable(log, () => pool.query("select 1 as one"));
  await expect.poll(() => said).toContain("waiting for the database");
  const again = await createWire(postgres.port, port);

  expect((await started).rows).toEqual([{ one: 1 }]);
  await expect(whenAvailable(log, () => pool.query("select nothing"))).rejects.toThrow("does not exist");
  await again[Symbol.asyncDispose]();
});

test("a vanished server is detected, and calls waiting for it fail with UNAVAILABLE", async () => {
  const wire = await createWire(postgres.port);
  const pool = open({ url: wire.url(postgres.adminUrl), size: 1, silenceMs: 200 });
  // On a busy machine the server may be silent for as long, too.
  const one = () => pool.query("select 1 as one").then(({ rows }) => rows, String);
  await expect.poll(one).toEqual([{ one: 1 }]);

  wire.swallow();
  const failure = await withTransaction(pool, (tx) => tx.query("select 1")).catch((error: unknown) => error);
  wire.mend();

  expect(toConnectError(failure, "echo")).toMatchObject({ code: Code.Unavailable });
  await expect.poll(one).toEqual([{ one: 1 }]);
  await wire[Symbol.asyncDispose]();
});

test("a connection unknown to the server fails with UNAVAILABLE, whatever the socket's error", async () => {
  const wire = await createWire(postgres.port);
  const pool = open({ url: wire.url(postgres.adminUrl), size: 1 });
  await pool.query("select 1");

  const failing = withTransaction(pool, (tx) => tx.query("select pg_sleep(10)")).catch((error: unknown) => error);
  await expect.poll(() => wire.asked).toBeGreaterThan(1);
  wire.reset();

  expect(toConnectError(await failing, "echo")).toMatchObject({ code: Code.Unavailable });
  await wire[Symbol.asyncDispose]();
});

test("with DATABASE_CA_FILE, connections of all kinds are TLS and the server is verified", async () => {
  await using files = await createSecretFolder({ "ca.crt": authority.cert });
  const url = new URL(postgres.adminUrl);
  url.hostname = "localhost";
  const { DATABASE_URL } = readEnv(databaseEnv(), {
    DATABASE_URL: url.href,
    DATABASE_CA_FILE: files.path("ca.crt"),
  });
  const pool = open({ url: DATABASE_URL });
  await using wake = createWake({ url: DATABASE_URL, channel: "test", log: silentLog });
  await new Promise<void>((resolve) => wake.subscribe(resolve));

  const { rows } = await pool.query(
    "select application_name as name, ssl from pg_stat_ssl join pg_stat_activity using (pid) where application_name <> ''",
  );

  expect(rows.filter(({ name }) => name === "test" || name === "wake test")).toEqual([
    { name: expect.any(String), ssl: true },
    { name: expect.any(String), ssl: true },
  ]);
});

test("a CA that is renewed in place is used for new connections", async () => {
  const other = await createAuthority();
  await using files = await createSecretFolder({ "ca.crt": other.cert });
  const url = new URL(postgres.adminUrl);
  url.hostname = "localhost";
  const { DATABASE_URL } = readEnv(databaseEnv(), {
    DATABASE_URL: url.href,
    DATABASE_CA_FILE: files.path("ca.crt"),
  });
  const pool = open({ url: DATABASE_URL });

  const before = await pool.query("select 1").catch((error: unknown) => toConnectError(error, "echo"));
  await files.write({ "ca.crt": authority.cert });

  expect(before).toMatchObject({ code: Code.Unavailable });
  expect((await pool.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
});

test("a server with a certificate for another name is refused", async () => {
  await using files = await createSecretFolder({ "ca.crt": authority.cert });
  // It listens there too, and its certificate is for localhost alone.
  const { DATABASE_URL } = readEnv(databaseEnv(), {
    DATABASE_URL: postgres.adminUrl,
    DATABASE_CA_FILE: files.path("ca.crt"),
  });

  await expect(open({ url: DATABASE_URL }).query("select 1")).rejects.toThrow("does not match certificate's altnames");
});

function open(options: Partial<PoolOptions> = {}): Pool {
  const pool = createPool({ url: postgres.adminUrl, size: 2, applicationName: "test", log: silentLog, ...options });
  pools.add(pool);
  return pool;
}

function lines(): { log: Log; said: string[] } {
  const said: string[] = [];
  const destination = { write: (line: string) => void said.push(JSON.parse(line).msg) };
  return { log: createLog({ service: "test", level: "warn", destination }), said };
}

async function backend(pool: Pool): Promise<{ pid: number }> {
  const { rows } = await pool.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]!;
}

function start(settings: Record<string, string> = {}): Promise<Postgres> {
  return startPostgres({
    dataDirectory: join(folder, "data"),
    ...(postgres === undefined ? {} : { port: postgres.port }),
    settings: { fsync: "off", max_connections: "50", ...settings },
  });
}

/** Stops the server in an orderly way, and starts it again, as a primary or as a standby without a primary. */
async function restart(as?: "standby"): Promise<void> {
  await postgres.stop();
  if (as === "standby") {
    await give(postgres.dataDirectory, "standby.signal", "");
  }
  postgres = await start({ ssl: "on", ssl_cert_file: "server.crt", ssl_key_file: "server.key" });
}

async function secure(dataDirectory: string): Promise<void> {
  const { cert, key } = await authority.issue("localhost");
  await give(dataDirectory, "server.crt", cert);
  await give(dataDirectory, "server.key", key);
}

/** Run as root, the server has an account of its own, and takes no key that others can read. */
async function give(directory: string, name: string, content: string): Promise<void> {
  const { uid, gid } = await stat(directory);
  const file = join(directory, name);
  await writeFile(file, content, { mode: 0o600 });
  await chown(file, uid, gid);
}

/** A wire to a server: it can go silent, and break without a goodbye. */
async function createWire(to: number, at = 0) {
  const sockets = new Set<Socket>();
  let silent = false;
  let asked = 0;
  const server = createServer((inner) => {
    const outer = connect(to, "127.0.0.1");
    sockets.add(inner);
    inner.on("data", (data) => {
      asked++;
      if (!silent) {
        outer.write(data);
      }
    });
    outer.on("data", (data) => inner.write(data));
    for (const socket of [inner, outer]) {
      socket.on("error", () => {});
      socket.on("close", () => {
        inner.destroy();
        outer.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(at, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return {
    port,
    get asked() {
      return asked;
    },
    url(url: string) {
      const through = new URL(url);
      through.port = String(port);
      return through.href;
    },
    swallow() {
      silent = true;
    },
    mend() {
      silent = false;
    },
    reset() {
      for (const socket of sockets) {
        socket.resetAndDestroy();
      }
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) {
        socket.destroy();
      }
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

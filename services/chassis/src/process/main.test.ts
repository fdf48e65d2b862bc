import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Code } from "@connectrpc/connect";
import { afterEach, expect, test } from "vitest";
import { createServiceClient, openChannel } from "../client/client.ts";
import { errorInfo } from "../errors.ts";
import { migrate } from "../postgres/migrate.ts";
import { testDatabase } from "../testing/database.ts";
import { EchoService } from "../testing/echo-service.ts";
import { proxyUrl } from "../testing/proxy.ts";

const children = new Set<ChildProcess>();

afterEach(() => {
  for (const child of children) {
    child.kill("SIGKILL");
  }
});

test("invalid variables are named at the start, and the exit code is 1", async () => {
  const child = run("database", { PORT: "http", DRAIN_TIMEOUT_MS: "soon", LOG_LEVEL: "loud" });

  const stderr = await text(child.process.stderr!);

  expect(stderr.split("\n")).toEqual([
    'PORT must be a whole number from 0 to 65535, got "http"',
    'LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent, got "loud"',
    'DRAIN_TIMEOUT_MS must be a whole number from 0 to 86400000, got "soon"',
    "DATABASE_URL is not set; it must be a URL that begins with postgres:// or postgresql://",
    "",
  ]);
  expect(await child.exit).toBe(1);
});

test("leaving variables out does not turn the checks off", async () => {
  const child = run("plain", { AUTH: "", AUTH_JWKS_URL: "keys" });

  expect((await text(child.process.stderr!)).split("\n")).toEqual([
    "AUTH_ISSUER is not set; it must be a URL that begins with http:// or https://",
    "AUTH_JWKS_URL must be a URL that begins with http:// or https://",
    "",
  ]);
  expect(await child.exit).toBe(1);
});

test("a port in use is reported in one line, and the exit code is 1", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as { port: number };

  const child = run("plain", { PORT: String(port), ADMIN_PORT: "0" });
  const stderr = await text(child.process.stderr!);
  taken.close();

  expect(stderr).toBe(
    `127.0.0.1:${port} is in use by another process; stop that, or set PORT or ADMIN_PORT to a free one\n`,
  );
  expect(await child.exit).toBe(1);
});

test.each(["SIGTERM", "SIGINT"] as const)(
  "%s lets the call under way end, refuses new ones, and exits with 0",
  async (signal) => {
    const child = run("plain");
    using client = await clientOf(child);
    const stream = client.watch({ text: "a" })[Symbol.asyncIterator]();
    await stream.next();
    const underWay = client.repeat({ text: "long", number: 300n });
    await child.line({ msg: "entered long" });

    child.process.kill(signal);
    await child.line({ msg: "draining" });
    // Calls that were on their way are still served, for the grace of the shutdown.
    await expect
      .poll(() =>
        client.change({ text: "b" }).then(
          () => "served",
          (error: unknown) => errorInfo(error).code,
        ),
      )
      .toBe(Code.Unavailable);
    const streamEnd = await stream.next().catch(errorInfo);

    expect(streamEnd).toMatchObject({ code: Code.Unavailable, reason: "SHUTTING_DOWN", domain: "echo.sagacart" });
    expect(await underWay).toMatchObject({ text: "long" });
    expect(await child.exit).toBe(0);
  },
);

test("after the drain the background is closed in reverse order, and still has the pool", async () => {
  const child = run("database", { DATABASE_URL: process.env.TEST_POSTGRES_URL ?? "" });
  await child.line({ msg: "serving: the health check succeeds" });

  child.process.kill("SIGTERM");
  await child.exit;

  const said = child.lines.map(({ msg }) => msg);
  expect(said.slice(said.indexOf("draining"))).toEqual([
    "draining",
    "closed third",
    "closed second",
    "closed the one that uses the pool",
    "stopped",
  ]);
});

test("before draining, it is not ready for SHUTDOWN_DELAY_MS, and still serves", async () => {
  const child = run("plain", { SHUTDOWN_DELAY_MS: "60000" });
  using client = await clientOf(child);

  child.process.kill("SIGTERM");
  await child.line({ msg: "not ready" });
  const ready = await fetch(`http://127.0.0.1:${(await child.line({ msg: "ready" })).adminPort}/ready`);

  expect(ready.status).toBe(503);
  expect(await client.repeat({ text: "late" })).toMatchObject({ text: "late" });
});

test("calls that exceed DRAIN_TIMEOUT_MS are cut off, and the service still exits with 0", async () => {
  const child = run("plain", { DRAIN_TIMEOUT_MS: "1000" });
  using client = await clientOf(child);
  const underWay = client.repeat({ text: "endless", number: 60_000n }).catch(errorInfo);
  await child.line({ msg: "entered endless" });

  child.process.kill("SIGTERM");

  expect(await underWay).toMatchObject({ code: Code.Unavailable });
  expect(await child.exit).toBe(0);
});

test("a second signal ends it at once", async () => {
  const child = run("plain", { SHUTDOWN_DELAY_MS: "60000" });
  await child.line({ msg: "ready" });

  child.process.kill("SIGTERM");
  await child.line({ msg: "not ready" });
  child.process.kill("SIGINT");

  expect(await child.exit).toBe(1);
});

test("a signal while it starts ends it, with nothing to drain", async () => {
  const child = run("stuck");
  await child.line({ msg: "starting" });

  child.process.kill("SIGTERM");

  expect(await child.exit).toBe(0);
});

test("it starts without its database, and is not ready", async () => {
  const child = run("database", { DATABASE_URL: "postgres://127.0.0.1:1/none" });

  const { adminPort } = await child.line({ msg: "ready" });

  expect((await fetch(`http://127.0.0.1:${adminPort}/health`)).status).toBe(200);
  expect((await fetch(`http://127.0.0.1:${adminPort}/ready`)).status).toBe(503);
});

const stock = new URL("../../../stock/migrations/", import.meta.url);

/** Returns the folder of stock's migrations with one more, as in a version to come. */
async function nextVersion(stack: AsyncDisposableStack): Promise<URL> {
  const folder = await mkdtemp(join(tmpdir(), "migrations-"));
  stack.defer(() => rm(folder, { recursive: true }));
  for (const name of await readdir(stock)) {
    await copyFile(new URL(name, stock), join(folder, name));
  }
  await writeFile(join(folder, "9999_next.sql"), "create table next (id text)");
  return pathToFileURL(`${folder}/`);
}

test("a database that lacks a migration is refused at the start in one line, and served once it was migrated", async () => {
  await using stack = new AsyncDisposableStack();
  const { url, ownerUrl } = stack.use(await testDatabase(stock));
  const directory = await nextVersion(stack);
  const newest = (await readdir(stock)).toSorted().at(-1);

  const early = run("database", { DATABASE_URL: url }, directory);
  expect(await text(early.process.stderr!)).toBe(
    "the schema of the database is older than this version needs: its newest migration is " +
      `${newest}, and 9999_next.sql is needed. Run the migrations first: services/chassis/src/postgres/migrate-main.ts, as the chart's ` +
      "init container does.\n",
  );
  expect(await early.exit).toBe(1);

  await migrate({ url: ownerUrl, directory });
  await run("database", { DATABASE_URL: url }, directory).line({ msg: "serving: the health check succeeds" });
  // The version before, which is not replaced yet or was rolled back to.
  await run("database", { DATABASE_URL: url }, stock).line({ msg: "serving: the health check succeeds" });
});

test("a database that nobody has migrated is refused at the start", async () => {
  await using database = await testDatabase();

  const child = run("database", { DATABASE_URL: database.url }, stock);

  expect(await text(child.process.stderr!)).toMatch(/^the database has no view schema_version: .* Run the migrations/);
  expect(await child.exit).toBe(1);
});

test("a role without rights is refused at the start", async () => {
  await using database = await testDatabase(stock);
  await database.owner.query("revoke all on all tables in schema public from test_serving");

  const child = run("database", { DATABASE_URL: database.url }, stock);

  expect(await text(child.process.stderr!)).toMatch(/^the role of DATABASE_URL may not read schema_version: /);
  expect(await child.exit).toBe(1);
});

test("a database that is away at the start and lacks a migration ends the process when it is back", async () => {
  await using stack = new AsyncDisposableStack();
  const { proxy, url } = await proxyUrl(stack.use(await testDatabase(stock)).url);
  stack.use(proxy);
  await proxy.cut();

  const child = run("database", { DATABASE_URL: url }, await nextVersion(stack));
  const { adminPort } = await child.line({ msg: "ready" });
  expect((await fetch(`http://127.0.0.1:${adminPort}/ready`)).status).toBe(503);
  await proxy.mend();

  expect(await text(child.process.stderr!)).toMatch(/^the schema of the database is older than this version needs: /);
  expect(await child.exit).toBe(1);
});

test.each([
  ["a role that may change the schema is warned of", "owner", true],
  ["a role that may not is not", "serving", false],
] as const)("%s", async (_, who, warned) => {
  await using database = await testDatabase(stock);
  const url = who === "owner" ? database.ownerUrl : database.url;

  const child = run("database", { DATABASE_URL: url }, stock);
  await child.line({ msg: "serving: the health check succeeds" });

  expect(child.lines.some(({ msg }) => `${msg}`.startsWith("the role of DATABASE_URL may change the schema"))).toBe(
    warned,
  );
});

type Line = Record<string, unknown>;
type Child = {
  process: ChildProcess;
  lines: Line[];
  exit: Promise<number | null>;
  /** The first line with these values, when it has come. */
  line(values: Line): Promise<Line>;
};

function run(kind: "plain" | "database" | "stuck", env: Record<string, string> = {}, migrations?: URL): Child {
  const main = fileURLToPath(new URL("../testing/echo-main.ts", import.meta.url));
  const child = spawn(process.execPath, [main, kind, ...(migrations === undefined ? [] : [migrations.href])], {
    env: { PATH: process.env.PATH, AUTH: "off", PORT: "0", ADMIN_PORT: "0", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.add(child);
  const lines: Line[] = [];
  const reader = createInterface(child.stdout);
  reader.on("line", (line) => lines.push(JSON.parse(line)));
  const exit = once(child, "close").then(([code]) => code);
  return {
    process: child,
    lines,
    exit,
    async line(values) {
      for (;;) {
        const found = lines.find((line) => Object.entries(values).every(([key, value]) => line[key] === value));
        if (found !== undefined) {
          return found;
        }
        await Promise.race([once(reader, "line"), exit.then((code) => Promise.reject(new Error(`it ended: ${code}`)))]);
      }
    },
  };
}

async function clientOf(child: Child) {
  const { port } = await child.line({ msg: "ready" });
  const channel = openChannel(`127.0.0.1:${port}`);
  return Object.assign(createServiceClient(EchoService, channel), { [Symbol.dispose]: () => channel.close() });
}

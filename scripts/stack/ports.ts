import { readdir, readFile, readlink } from "node:fs/promises";
import { createServer } from "node:net";

export const loopback = "127.0.0.1";

/**
 * Finds distinct ports that are free now; with withAdminPort the port + 1000 of each is free too. They are below the
 * ephemeral ports (from 32768 on Linux, 49152 on macOS), which a busy machine may take before they are used; and one in
 * forty of them is for this process, so that two that look at the same time hardly ever find the same.
 */
export async function freePorts(count: number, options: { withAdminPort?: boolean } = {}): Promise<number[]> {
  const ports = new Set<number>();
  for (let tries = 0; ports.size < count; tries += 1) {
    if (tries > 1000) throw new Error("no free ports between 10000 and 30000");
    const port = 10_000 + Math.floor(Math.random() * 500) * 40 + (process.pid % 40);
    const both = options.withAdminPort === true ? [port, port + 1000] : [port];
    if (both.some((one) => ports.has(one) || ports.has(one + 1000) || ports.has(one - 1000))) continue;
    const failures = await Promise.all(both.map(tryPort));
    if (failures.every((failure) => failure === undefined)) ports.add(port);
  }
  return [...ports];
}

export async function freePort(): Promise<number> {
  const [port] = await freePorts(1);
  if (port === undefined) throw new Error("no free port");
  return port;
}

/**
 * Returns a sentence for each wanted port that is taken, with the process that needs it and, if known, the one that holds
 * it, and for each port that is wanted twice.
 */
export async function takenPorts(wanted: readonly { port: number; by: string }[]): Promise<string[]> {
  const sentences: string[] = [];
  const first = new Map<number, string>();
  for (const { port, by } of wanted) {
    const other = first.get(port);
    if (other !== undefined) sentences.push(`Port ${port} is wanted by ${other} and by ${by}.`);
    else first.set(port, by);
  }
  await Promise.all(
    [...first].map(async ([port, by]) => {
      const failure = await tryPort(port);
      if (failure === "EADDRINUSE") {
        const holder = await holderOf(port);
        sentences.push(`Port ${port}, which ${by} needs, is taken${holder === undefined ? "" : ` by ${holder}`}.`);
      } else if (failure !== undefined) {
        sentences.push(`Port ${port}, which ${by} needs, cannot be used: ${failure}.`);
      }
    }),
  );
  return sentences;
}

async function tryPort(port: number): Promise<string | undefined> {
  try {
    const server = await listen(port);
    await new Promise((resolve) => server.close(resolve));
    return undefined;
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  }
}

function listen(port: number) {
  const server = createServer();
  return new Promise<typeof server>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: loopback, port, exclusive: true }, () => resolve(server));
  });
}

// Finds the listening socket in /proc/net and its owner by the open files of each process. Only on Linux, and only for
// the user's own processes (all, for root).
async function holderOf(port: number): Promise<string | undefined> {
  try {
    const hex = port.toString(16).toUpperCase().padStart(4, "0");
    const tables = await Promise.all(
      ["/proc/net/tcp", "/proc/net/tcp6"].map((file) => readFile(file, "utf8").catch(() => "")),
    );
    const inodes = tables
      .flatMap((table) => table.split("\n").map((line) => line.trim().split(/\s+/)))
      .filter((fields) => fields[1]?.endsWith(`:${hex}`) && fields[3] === "0A")
      .map((fields) => `socket:[${fields[9]}]`);
    for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
      const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
      for (const file of files) {
        const target = await readlink(`/proc/${pid}/fd/${file}`).catch(() => "");
        if (!inodes.includes(target)) continue;
        const command = (await readFile(`/proc/${pid}/cmdline`, "utf8")).replaceAll("\0", " ").trim();
        return `process ${pid} (${command.slice(0, 100)})`;
      }
    }
  } catch {
    // Not Linux, or not readable: leave out the holder.
  }
  return undefined;
}

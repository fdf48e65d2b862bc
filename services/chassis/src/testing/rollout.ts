import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Agent as HttpAgent, request } from "node:http";
import { type ClientHttp2Session, connect as connectHttp2, constants } from "node:http2";
import { Agent as HttpsAgent, request as requestHttps } from "node:https";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";

/** A process of a service, as one of its pods. */
export type Pod = AsyncDisposable & {
  /** Returns the first line of its log with this message, when it has come. */
  logged(message: string): Promise<Readonly<Record<string, unknown>>>;
  terminate(): void;
  readonly exit: Promise<number | null>;
};

/** Starts a program as a pod, on free ports. */
export function startPod(main: URL, env: Record<string, string>, args: readonly string[] = []): Pod {
  const child: ChildProcess = spawn(process.execPath, [fileURLToPath(main), ...args], {
    env: { PATH: process.env.PATH, AUTH: "off", PORT: "0", ADMIN_PORT: "0", LOG_LEVEL: "info", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: Record<string, unknown>[] = [];
  const exit = once(child, "close").then(([code]) => code);
  if (child.stdout === null) {
    throw new Error("the pod has no standard output");
  }
  const reader = createInterface(child.stdout);
  reader.on("line", (line) => lines.push(JSON.parse(line)));
  return {
    exit,
    terminate: () => void child.kill("SIGTERM"),
    async logged(message) {
      for (;;) {
        const found = lines.find(({ msg }) => msg === message);
        if (found !== undefined) {
          return found;
        }
        const gone = exit.then((code) => Promise.reject(new Error(`the pod ended with ${code}, without "${message}"`)));
        await Promise.race([once(reader, "line"), gone]);
      }
    },
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await exit;
    },
  };
}

/** Stands in for a Service of Kubernetes: passes each new connection to one pod, and leaves the others where they are. */
export type Service = AsyncDisposable & { readonly port: number; passTo(port: number): void };

export async function startService(): Promise<Service> {
  let to = 0;
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (inner) => {
    const outer = connect({ port: to, host: "127.0.0.1", allowHalfOpen: true });
    for (const [socket, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
      socket.setNoDelay(true);
      socket.on("error", () => other.resetAndDestroy());
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    passTo(port) {
      to = port;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      // Those that clients keep.
      for (const socket of sockets) {
        socket.destroy();
      }
      await closed;
    },
  };
}

/** Sends one request, repeats nothing, and returns the status of its answer. */
export type Client = AsyncDisposable & { send(): Promise<unknown> };

/** The request of a client, and the CA of the server. */
export type Sent = {
  readonly url: string;
  readonly method?: string;
  readonly body?: string;
  readonly ca?: string;
};

const callersAtATime = 4;

/** A client of node:http with an agent that keeps connections. */
export function http1Client({ url, method = "GET", body = "", ca }: Sent): Client {
  const options = { keepAlive: true, maxSockets: callersAtATime };
  const agent = ca === undefined ? new HttpAgent(options) : new HttpsAgent({ ...options, ca });
  const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
  return {
    async send() {
      const sent = (ca === undefined ? request : requestHttps)(url, { agent, method, headers });
      sent.end(body);
      const [answer] = await once(sent, "response");
      await text(answer);
      return answer.statusCode;
    },
    async [Symbol.asyncDispose]() {
      agent.destroy();
    },
  };
}

/** Node's fetch, which is undici. */
export function fetchClient({ url, method = "GET", body = "" }: Sent): Client {
  const headers = { "content-type": "application/json" };
  return {
    async send() {
      const answer = await fetch(url, { method, headers, body: body === "" ? null : body });
      await answer.text();
      return answer.status;
    },
    async [Symbol.asyncDispose]() {},
  };
}

/**
 * A client of node:http2 that connects again when the server says that it goes away, as all clients must. A stream that was
 * refused was not processed (RFC 9113, 8.7), and Node refuses by itself those that begin while the GOAWAY comes in: the
 * client sends it on the next connection.
 */
export function http2Client({ url, method = "GET", body = "", ca }: Sent): Client {
  const { origin, pathname } = new URL(url);
  const headers = { ":path": pathname, ":method": method, "content-type": "application/json" };
  let session: ClientHttp2Session | undefined;
  const sessions = new Set<ClientHttp2Session>();
  const current = () => {
    if (session === undefined || session.closed || session.destroyed) {
      const opened = connectHttp2(origin, { ca });
      sessions.add(opened);
      // Told to the requests on it.
      opened.on("error", () => {});
      opened.once("close", () => sessions.delete(opened));
      session = opened;
    }
    return session;
  };
  return {
    async send() {
      for (;;) {
        const on = current();
        const stream = on.request(headers, { endStream: body === "" });
        if (body !== "") {
          stream.end(body);
        }
        try {
          const [answer] = await once(stream, "response");
          await text(stream);
          return answer[":status"];
        } catch (error) {
          if (stream.rstCode !== constants.NGHTTP2_REFUSED_STREAM) {
            throw error;
          }
          if (session === on) {
            session = undefined;
          }
        }
      }
    },
    async [Symbol.asyncDispose]() {
      for (const open of sessions) {
        open.destroy();
      }
    },
  };
}

/** Calls a client again and again, many at a time. */
function startCallers(client: Client) {
  const failures: string[] = [];
  const waiting = new Set<() => void>();
  let answered = 0;
  let isOver = false;
  const call = async () => {
    while (!isOver) {
      try {
        const status = await client.send();
        if (status !== 200) {
          failures.push(`status ${status}`);
        }
      } catch (error) {
        const code = error instanceof Error && "code" in error ? ` (${error.code})` : "";
        failures.push(`${error}${code}`);
      }
      answered++;
      for (const wake of waiting) {
        wake();
      }
      // So that some connections are idle, and others just written to, at whatever moment the pod closes them.
      await setTimeout(Math.random() * 4);
    }
  };
  const calls = Array.from({ length: callersAtATime }, call);
  return {
    failures,
    /** Resolves when there were this many more answers. */
    async more(count: number) {
      const enough = answered + count;
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = () => answered >= enough && resolve();
      waiting.add(wake);
      await promise;
      waiting.delete(wake);
    },
    async [Symbol.asyncDispose]() {
      isOver = true;
      await Promise.all(calls);
      await client[Symbol.asyncDispose]();
    },
  };
}

/** A pod that serves, and its ports by name; `admin` is that of its probes. */
export type Serving<Port extends string> = {
  readonly pod: Pod;
  readonly ports: Readonly<Record<Port | "admin", number>>;
};

/** The failures that callers saw in a rollout, and how the old process ended. */
export type Rollout = { readonly failures: readonly string[]; readonly exitCode: number | null };

export const withoutFailures: Rollout = { failures: [], exitCode: 0 };

/**
 * Replaces a pod by another one while callers write all the time on connections that they keep. New connections go to the old
 * pod until its probe says that it is not ready.
 */
export async function rollOut<Port extends string>(
  start: () => Promise<Serving<Port>>,
  /** Make the clients, for Services on these ports. */
  clients: Readonly<Record<string, (ports: Serving<Port>["ports"]) => Client>>,
): Promise<Rollout> {
  const [old, next] = await Promise.all([start(), start()]);
  await using _old = old.pod;
  await using _next = next.pod;
  await using cleanup = new AsyncDisposableStack();
  const names = Object.keys(old.ports) as (Port | "admin")[];
  const services = new Map<string, Service>();
  for (const name of names) {
    services.set(name, cleanup.use(await startService()));
  }
  const passTo = (to: Serving<Port>) => {
    for (const name of names) {
      services.get(name)?.passTo(to.ports[name]);
    }
  };
  passTo(old);
  const ports = Object.fromEntries([...services].map(([name, { port }]) => [name, port])) as Serving<Port>["ports"];
  const callers = Object.entries(clients).map(
    ([name, client]) => [name, cleanup.use(startCallers(client(ports)))] as const,
  );
  const more = (count: number) => Promise.all(callers.map(([, one]) => one.more(count)));
  await more(40);

  old.pod.terminate();
  while ((await statusOf(`http://127.0.0.1:${old.ports.admin}/ready`)) !== 503) {
    await setTimeout(10);
  }
  passTo(next);
  const exitCode = await old.pod.exit;
  await more(40);

  const failures = callers.flatMap(([name, one]) => one.failures.map((failure) => `${name}: ${failure}`));
  return { failures, exitCode };
}

async function statusOf(url: string): Promise<number> {
  return (await fetch(url, { headers: { connection: "close" } })).status;
}

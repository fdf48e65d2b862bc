import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A TCP proxy whose connections can be cut. */
export type Proxy = AsyncDisposable & {
  readonly port: number;
  /** Ends all connections and refuses new ones. */
  cut(): Promise<void>;
  mend(): Promise<void>;
  /** Stops passing data on, and keeps the connections open, as if the other machine were lost. */
  freeze(): void;
  /** The number of connections so far. */
  readonly accepted: number;
};

export async function createProxy(target: { host: string; port: number }): Promise<Proxy> {
  const sockets = new Set<Socket>();
  let accepted = 0;
  const server = createServer((inner) => {
    accepted++;
    const outer = connect(target);
    for (const [socket, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  const listen = (port: number) => new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  await listen(0);
  const { port } = server.address() as AddressInfo;

  async function cut(): Promise<void> {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) {
      socket.destroy();
    }
    await closed;
  }

  return {
    port,
    cut,
    mend: () => listen(port),
    freeze() {
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    get accepted() {
      return accepted;
    },
    async [Symbol.asyncDispose]() {
      if (server.listening) {
        await cut();
      }
    },
  };
}

/** Creates a proxy in front of a URL's server, and returns the URL through it. */
export async function proxyUrl(url: string): Promise<{ proxy: Proxy; url: string }> {
  const through = new URL(url);
  const proxy = await createProxy({ host: through.hostname, port: Number(through.port) });
  through.port = String(proxy.port);
  return { proxy, url: through.href };
}

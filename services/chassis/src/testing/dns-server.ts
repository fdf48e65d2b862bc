import { createSocket } from "node:dgram";
import { decode, encode } from "dns-packet";

/** A DNS server for one name, whose addresses can be changed. */
export type DnsServer = AsyncDisposable & {
  readonly port: number;
  addresses: readonly string[];
  /** The number of queries. */
  readonly questions: number;
};

export async function startDns(name: string, addresses: readonly string[]): Promise<DnsServer> {
  const socket = createSocket("udp4");
  let questions = 0;
  const dns = {
    port: 0,
    addresses,
    get questions() {
      return questions;
    },
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => socket.close(() => resolve())),
  };
  socket.on("message", (bytes, { port, address }) => {
    const query = decode(bytes);
    const asked = query.questions?.find((question) => question.type === "A" && question.name === name);
    questions += asked === undefined ? 0 : 1;
    const answers =
      asked === undefined ? [] : dns.addresses.map((data) => ({ type: "A" as const, name, ttl: 0, data }));
    socket.send(
      encode({ type: "response", id: query.id ?? 0, questions: query.questions ?? [], answers }),
      port,
      address,
    );
  });
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  dns.port = socket.address().port;
  return dns;
}

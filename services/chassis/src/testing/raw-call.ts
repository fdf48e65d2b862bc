import { once } from "node:events";
import { connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";
import { buffer } from "node:stream/consumers";

export type RawAnswer = { headers: IncomingHttpHeaders; trailers: IncomingHttpHeaders; body: Buffer };

/** Sends a request's bytes, well-formed or not. */
export async function rawCall(address: string, headers: OutgoingHttpHeaders, body: Buffer): Promise<RawAnswer> {
  const session = connect(`http://${address}`);
  try {
    const stream = session.request(
      { ":method": "POST", "content-type": "application/grpc", te: "trailers", ...headers },
      { endStream: false },
    );
    let trailers: IncomingHttpHeaders = {};
    stream.on("trailers", (received) => {
      trailers = received;
    });
    const answered = once(stream, "response");
    stream.end(body);
    const [received] = await answered;
    return { headers: received, body: await buffer(stream), trailers };
  } finally {
    session.destroy();
  }
}

/** Frames a message as gRPC does. */
export function frame(message: Uint8Array, flags = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flags;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

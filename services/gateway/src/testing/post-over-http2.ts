import { once } from "node:events";
import { connect, type OutgoingHttpHeaders } from "node:http2";
import { json } from "node:stream/consumers";

/** Posts a text over cleartext HTTP/2, which fetch cannot, and reads the JSON of the answer. */
export async function postOverHttp2(
  url: string,
  headers: OutgoingHttpHeaders,
  text: string,
): Promise<{ status: number; body: unknown }> {
  const { origin, pathname } = new URL(url);
  const session = connect(origin);
  try {
    const stream = session.request({ ":method": "POST", ":path": pathname, ...headers });
    const answered = once(stream, "response");
    stream.end(text);
    const [received] = await answered;
    return { status: Number(received[":status"]), body: await json(stream) };
  } finally {
    session.destroy();
  }
}

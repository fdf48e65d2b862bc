import type { ClientHttp2Session } from "node:http2";
import { Http2SubchannelConnector } from "@grpc/grpc-js/build/src/transport.js";

/**
 * Keeps grpc-js's keepalive from ending the calls of a connection that drains.
 *
 * A server that closes a connection in good order (at its age, or when it shuts down) sends GOAWAY, and the calls under
 * way may end. Node then counts the client's session as closed and fails its ping() at once; grpc-js takes the failed
 * keepalive ping for a dead connection and ends all its calls with UNAVAILABLE "Connection dropped", at the latest one
 * keepalive interval after the GOAWAY (grpc/grpc-node#3068). HTTP/2 itself allows pings until the last stream has ended,
 * so these sessions send them: calls of a drained connection go on, and a dead one is still detected.
 *
 * Changes grpc-js's connector once for the whole process: it has no option for this, and no event that gives the session.
 */
export function keepPingingWhileDraining(): void {
  const { prototype } = Http2SubchannelConnector;
  const { connect } = prototype;
  prototype.connect = function (...options) {
    const connecting = connect.apply(this, options);
    connecting.then(
      (transport) => pingWhileDraining(sessionOf(transport)),
      () => {
        // Told to the caller.
      },
    );
    // The promise itself: a later one would let a GOAWAY be emitted before grpc-js listens for it.
    return connecting;
  };
}

function pingWhileDraining(session: ClientHttp2Session): void {
  // Node's ping() reads `closed` before it writes the frame, and nothing else of it depends on that.
  const open: ClientHttp2Session = Object.create(session, { closed: { value: false } });
  session.ping = session.ping.bind(open);
}

/** grpc-js declares its session private. */
function sessionOf(transport: object): ClientHttp2Session {
  const session: unknown = Reflect.get(transport, "session");
  if (typeof session !== "object" || session === null || !("ping" in session)) {
    throw new Error("grpc-js keeps the session of a transport elsewhere; adapt client/keepalive.ts to its version");
  }
  return session as ClientHttp2Session;
}

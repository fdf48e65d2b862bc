import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { Server as NetServer, type Socket } from "node:net";
import { atMost } from "../time/at-most.ts";

/** The open connections of a server of HTTP/1.1. */
export type Http1Connections = {
  /** Tracks a connection from its beginning. Without that, it is tracked from its first request on. */
  add(socket: Socket): void;
  /** Forgets a connection that turns out to be of another protocol, or of TLS with a connection of its own. */
  remove(socket: Socket): void;
  /** From now on, each answer says `Connection: close`: those to requests that are under way, too. */
  announceEnd(): void;
  /** Closes idle connections, and from now on each that becomes idle. One on which a request has begun is not idle. */
  endIdle(): void;
  /** Cuts off all of them. */
  destroy(): void;
  /**
   * Announces the end, takes no more connections, ends idle ones after `graceMs`, and cuts off what is left after `limitMs`
   * more. For a server that has no other connections. Resolves when the last one is closed.
   */
  end(options: { graceMs: number; limitMs: number }): Promise<void>;
};

/**
 * Tracks the connections, for a server that is to stop without losing requests. Node's closeIdleConnections() is not enough:
 * it closes connections whose answer is not sent yet, and server.close() calls it at once, while clients write.
 */
export function trackHttp1(server: Server): Http1Connections {
  const connections = new Map<Socket, Connection>();
  let isEnding = false;
  let endsIdle = false;

  function add(socket: Socket): Connection {
    const known = connections.get(socket);
    if (known !== undefined) {
      return known;
    }
    const connection: Connection = { answers: new Set(), bytesReadAtEnd: 0 };
    connections.set(socket, connection);
    socket.once("close", () => connections.delete(socket));
    return connection;
  }

  function endIfIdle(socket: Socket): void {
    const connection = connections.get(socket);
    if (connection?.answers.size === 0 && socket.bytesRead === connection.bytesReadAtEnd) {
      socket.destroySoon();
    }
  }

  // Before the server's own listener: it may answer at once.
  server.prependListener("request", ({ socket }: IncomingMessage, answer: ServerResponse) => {
    const connection = add(socket);
    connection.answers.add(answer);
    if (isEnding) {
      sayClose(answer);
    }
    // One more than those that a handler may add without a warning.
    answer.setMaxListeners(answer.getMaxListeners() + 1);
    answer.once("close", () => {
      connection.answers.delete(answer);
      connection.bytesReadAtEnd = socket.bytesRead;
      if (endsIdle) {
        // What has arrived in the meantime is read before.
        setImmediate(endIfIdle, socket);
      }
    });
  });

  function announceEnd(): void {
    isEnding = true;
    for (const { answers } of connections.values()) {
      answers.forEach(sayClose);
    }
  }

  function endIdle(): void {
    endsIdle = true;
    setImmediate(() => {
      for (const socket of connections.keys()) {
        endIfIdle(socket);
      }
    });
  }

  function destroy(): void {
    for (const socket of connections.keys()) {
      socket.destroy();
    }
  }

  return {
    add,
    remove(socket) {
      connections.delete(socket);
    },
    announceEnd,
    endIdle,
    destroy,
    async end({ graceMs, limitMs }) {
      announceEnd();
      const closed = stopListening(server);
      await atMost(graceMs, closed);
      endIdle();
      await atMost(limitMs, closed);
      destroy();
      // Stops its timer.
      server.close();
      await closed;
    },
  };
}

/** Tracks all connections of a server that speaks HTTP/1.1 alone, over TLS or not. */
export function trackAllHttp1(server: Server): Http1Connections {
  const connections = trackHttp1(server);
  // Before the server's own listeners, which refuse those that are too many: they close at once.
  server.prependListener("connection", connections.add);
  server.prependListener("secureConnection", connections.add);
  return connections;
}

type Connection = {
  /** The answers that are under way. */
  readonly answers: Set<ServerResponse>;
  /** How much had come in when the last answer ended: more means that another request has begun. */
  bytesReadAtEnd: number;
};

function sayClose(answer: ServerResponse): void {
  if (!answer.headersSent) {
    answer.setHeader("connection", "close");
  }
}

/** Takes no new connections, and leaves the open ones alone. Resolves when the last one is closed. */
export function stopListening(server: NetServer): Promise<void> {
  return new Promise((resolve) => {
    // Not the close() of a server of HTTP, which closes idle connections and sessions at once.
    NetServer.prototype.close.call(server, () => resolve());
  });
}

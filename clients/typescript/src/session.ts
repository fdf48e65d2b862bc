import type { DescMessage, MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, type StreamResponse, type Transport } from "@connectrpc/connect";
import type { Session } from "../../../proto/gen/sagacart/identity/v1/session_pb.ts";
import { reasonOf } from "./errors.ts";

/** Where the tokens of the signed-in user come from. */
export type Tokens = {
  /** Returns the access token; undefined for nobody. */
  current(): string | undefined | Promise<string | undefined>;
  /** Returns a newer token than this one, which the shop no longer accepts; undefined if there is none. */
  renew(refused: string): Promise<string | undefined>;
};

/** Keeps the session of SignIn, and exchanges its refresh token when the access token is no longer accepted. */
export type SessionKeeper = Tokens & {
  readonly session: Session | undefined;
  set(session: Session | undefined): void;
};

/**
 * Makes one. All calls that are refused at a time wait for one exchange: a refresh token may be used once, and using it twice
 * ends the session. `onChange` hears of each new session, and of its end with undefined.
 */
export function keepSession(
  refresh: (refreshToken: string) => Promise<Session | undefined>,
  { session, onChange = () => {} }: { session?: Session | undefined; onChange?: (session?: Session) => void } = {},
): SessionKeeper {
  let current = session;
  let renewing: Promise<void> | undefined;

  function set(next: Session | undefined): void {
    current = next;
    onChange(next);
  }

  async function exchange(from: Session): Promise<void> {
    try {
      const next = await refresh(from.refreshToken);
      // A sign-in or a sign-out in the meantime counts more.
      if (current === from) {
        set(next);
      }
    } catch (error) {
      if (current === from && error instanceof ConnectError && reasonOf(error) === "BAD_REFRESH_TOKEN") {
        set(undefined);
      }
      throw error;
    }
  }

  return {
    get session() {
      return current;
    },
    set,
    current: () => current?.accessToken,
    async renew(refused) {
      if (current?.accessToken === refused) {
        renewing ??= exchange(current).finally(() => {
          renewing = undefined;
        });
        await renewing;
      }
      return current?.accessToken === refused ? undefined : current?.accessToken;
    },
  };
}

/**
 * Sends the token with each call. A call that is refused because of its token is sent again with a newer one, once: it was
 * refused before anything was done, so that any method may be.
 */
export function withTokens(inner: Transport, tokens: Tokens): Transport {
  /** Runs the call, and again with a newer token if its own was refused. */
  async function authorized<T>(
    header: ConstructorParameters<typeof Headers>[0],
    call: (header: Headers) => Promise<T>,
  ): Promise<T> {
    const headers = new Headers(header);
    if (headers.has("authorization")) {
      return await call(headers);
    }
    const token = await tokens.current();
    if (token !== undefined) {
      headers.set("authorization", `Bearer ${token}`);
    }
    try {
      return await call(headers);
    } catch (error) {
      if (token === undefined || !isTokenRefused(error)) {
        throw error;
      }
      const newer = await tokens.renew(token);
      if (newer === undefined) {
        throw error;
      }
      headers.set("authorization", `Bearer ${newer}`);
      return await call(headers);
    }
  }

  return {
    unary: (method, signal, timeoutMs, header, input, contextValues) =>
      authorized(header, (headers) => inner.unary(method, signal, timeoutMs, headers, input, contextValues)),
    async stream(method, signal, timeoutMs, header, input, contextValues) {
      if (method.methodKind !== "server_streaming") {
        throw new ConnectError("the shop has no public method that takes a stream", Code.Unimplemented);
      }
      const requests = await collect(input);
      return await authorized(header, async (headers) =>
        // A refusal comes in place of the first message.
        afterFirst(await inner.stream(method, signal, timeoutMs, headers, replay(requests), contextValues)),
      );
    },
  };
}

function isTokenRefused(error: unknown): boolean {
  if (!(error instanceof ConnectError) || error.code !== Code.Unauthenticated) {
    return false;
  }
  const reason = reasonOf(error);
  return reason === "" || reason.startsWith("TOKEN_");
}

async function collect<I extends DescMessage>(
  input: AsyncIterable<MessageInitShape<I>>,
): Promise<MessageInitShape<I>[]> {
  const all: MessageInitShape<I>[] = [];
  for await (const message of input) {
    all.push(message);
  }
  return all;
}

async function* replay<T>(messages: readonly T[]): AsyncGenerator<T> {
  yield* messages;
}

/** Waits for the first message of a stream, and returns the stream with it. */
async function afterFirst<I extends DescMessage, O extends DescMessage>(
  response: StreamResponse<I, O>,
): Promise<StreamResponse<I, O>> {
  const iterator = response.message[Symbol.asyncIterator]();
  const first = await iterator.next();
  return { ...response, message: whole(first, iterator) };
}

async function* whole<T>(first: IteratorResult<T>, rest: AsyncIterator<T>): AsyncGenerator<T> {
  try {
    for (let result = first; result.done !== true; result = await rest.next()) {
      yield result.value;
    }
  } finally {
    // A reader that leaves early ends the call; at the end of the stream this does nothing.
    await rest.return?.();
  }
}

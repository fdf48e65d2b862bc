import { type ClientHttp2Session, connect, constants } from "node:http2";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { ServiceTokens } from "@sagacart/chassis/auth/service-tokens";
import {
  type CheckoutRequestSchema,
  type CheckoutResponse,
  OrderService,
} from "@sagacart/proto/order/v1/order_service";

const { name, parent, input, output } = OrderService.method.checkout;
const path = `/${parent.typeName}/${name}`;

/**
 * Checks out over an HTTP/2 connection of node:http2, without the layers of a client that balances, retries and measures:
 * the callers are on the machine that they measure, and cost a tenth of it with them. Rejects where the answer is not OK,
 * and where the connection fails. One that the server ends in good order, since it has grown old, gives way to a new one:
 * what is under way is answered there, and what came too late for it is sent again.
 */
export function connectCheckout(
  address: string,
  tokens: ServiceTokens | undefined,
): (request: MessageInitShape<typeof CheckoutRequestSchema>) => Promise<CheckoutResponse> {
  let session: ClientHttp2Session | undefined;

  function openSession(): ClientHttp2Session {
    if (session === undefined || session.closed || session.destroyed) {
      session = connect(`http://${address}`, { settings: { initialWindowSize: 1 << 20 } });
      session.on("error", () => {
        // Each request hears of it, too.
      });
    }
    return session;
  }

  return async (request) => {
    const message = toBinary(input, create(input, request));
    const frame = Buffer.allocUnsafe(prefixBytes + message.length);
    frame[0] = 0;
    frame.writeUInt32BE(message.length, 1);
    frame.set(message, prefixBytes);
    for (;;) {
      const authorization = await tokens?.authorization();
      const answer = await send(openSession(), frame, authorization);
      if (answer !== "refused") {
        return answer;
      }
    }
  };
}

/** Answers "refused" where the server says that it has not looked at the request. */
function send(
  session: ClientHttp2Session,
  frame: Buffer,
  authorization: string | undefined,
): Promise<CheckoutResponse | "refused"> {
  const { promise, resolve, reject } = Promise.withResolvers<CheckoutResponse | "refused">();
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc+proto",
    te: "trailers",
    "grpc-timeout": "120S",
    ...(authorization === undefined ? {} : { authorization }),
  });
  const chunks: Buffer[] = [];
  let status: unknown;
  let said: unknown = "no status came";
  const read = (headers: { "grpc-status"?: unknown; "grpc-message"?: unknown }) => {
    status = headers["grpc-status"] ?? status;
    said = headers["grpc-message"] ?? said;
  };
  stream.on("response", read);
  stream.on("trailers", read);
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("error", (error) => {
    if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) {
      resolve("refused");
    } else {
      reject(error);
    }
  });
  // Not "end", which a connection that is gone does not bring.
  stream.on("close", () => {
    if (status === "0") {
      resolve(fromBinary(output, Buffer.concat(chunks).subarray(prefixBytes)));
    } else {
      reject(new Error(`the checkout was answered with gRPC's status ${status}: ${decodeURIComponent(`${said}`)}`));
    }
  });
  stream.end(frame);
  return promise;
}

/** gRPC puts five bytes before each message: a flag for compression, and the length. */
const prefixBytes = 5;

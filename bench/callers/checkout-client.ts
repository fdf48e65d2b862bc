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
 * A minimal Checkout client on a node:http2 connection, without balancing, retries and metrics: the callers run on
 * the machine that they measure, and with these layers they would take a tenth of it. Rejects if the answer is not OK
 * or the connection fails. If the server closes the connection because of its age (GOAWAY), a new one replaces it:
 * open requests are still answered on the old one, and refused ones are sent again.
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
        // Every open request gets the error, too.
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

/** Sends one request. Resolves with "refused" if the server has not processed it. */
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
  let said: unknown = "no status received";
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
  // Not "end", which is not emitted when the connection is lost.
  stream.on("close", () => {
    if (status === "0") {
      resolve(fromBinary(output, Buffer.concat(chunks).subarray(prefixBytes)));
    } else {
      reject(new Error(`the checkout failed with gRPC status ${status}: ${decodeURIComponent(`${said}`)}`));
    }
  });
  stream.end(frame);
  return promise;
}

/** gRPC puts five bytes before each message: a flag for compression, and the length. */
const prefixBytes = 5;

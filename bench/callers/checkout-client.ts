import { connect } from "node:http2";
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
 * Checks out over one HTTP/2 connection of node:http2, without the layers of a client that balances, retries and
 * measures: the callers are on the machine that they measure, and cost a tenth of it with them. Rejects where the answer
 * is not OK, and where the connection ends, which it does for good.
 */
export function connectCheckout(
  address: string,
  tokens: ServiceTokens | undefined,
): (request: MessageInitShape<typeof CheckoutRequestSchema>) => Promise<CheckoutResponse> {
  const session = connect(`http://${address}`, { settings: { initialWindowSize: 1 << 20 } });
  session.on("error", () => {
    // Each request hears of it, too.
  });
  return async (request) => {
    const message = toBinary(input, create(input, request));
    const frame = Buffer.allocUnsafe(prefixBytes + message.length);
    frame[0] = 0;
    frame.writeUInt32BE(message.length, 1);
    frame.set(message, prefixBytes);
    const authorization = await tokens?.authorization();
    const { promise, resolve, reject } = Promise.withResolvers<CheckoutResponse>();
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
    stream.on("error", reject);
    // Not "end", which a connection that is gone does not bring.
    stream.on("close", () => {
      if (status === "0") {
        resolve(fromBinary(output, Buffer.concat(chunks).subarray(prefixBytes)));
      } else {
        reject(new Error(`the checkout was answered with gRPC's status ${status}: ${decodeURIComponent(`${said}`)}`));
      }
    });
    stream.end(frame);
    return await promise;
  };
}

/** gRPC puts five bytes before each message: a flag for compression, and the length. */
const prefixBytes = 5;

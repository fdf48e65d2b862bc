import { type Attack, createTally, openSession, over } from "../attack.ts";

/** One customer who opens 900 event streams of one order. */
export const manyWatches: Attack = async (target, signal) => {
  const tally = createTally();
  const sessions = Array.from({ length: 9 }, () => openSession(target));
  for (const session of sessions) {
    for (let n = 0; n < 100; n++) {
      const stream = session.request({
        ":path": `/v1/orders/${target.orderId}:watch`,
        authorization: target.authorization,
      });
      stream.on("error", () => {});
      stream.on("response", (headers) => tally.count(Number(headers[":status"])));
      stream.resume();
    }
  }
  await over(signal);
  for (const session of sessions) {
    session.destroy();
  }
  return tally.toString();
};

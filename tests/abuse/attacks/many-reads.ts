import { type Attack, again, createTally, openSession } from "../attack.ts";

/** One customer who reads as much as the connections allow. */
export const manyReads: Attack = async (target, signal) => {
  const tally = createTally();
  const sessions = Array.from({ length: 5 }, () => openSession(target));
  await Promise.all(
    sessions.map((session) =>
      again(100, signal, async () => {
        const stream = session.request({
          ":path": "/v1/products?pageSize=100",
          authorization: target.authorization,
        });
        await new Promise<void>((resolve) => {
          stream.on("response", (headers) => tally.count(Number(headers[":status"])));
          stream.on("error", () => {});
          stream.on("close", () => resolve());
          stream.resume();
        });
      }),
    ),
  );
  for (const session of sessions) {
    session.destroy();
  }
  return tally.toString();
};

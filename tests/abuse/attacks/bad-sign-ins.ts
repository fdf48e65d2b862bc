import { type Attack, again, createTally, send } from "../attack.ts";

/** Sign-ins that are wrong, malformed ones among them: they must be counted before they are looked at. */
export const badSignIns: Attack = async (target, signal) => {
  const tally = createTally();
  let turn = 0;
  await again(16, signal, async () => {
    const body = turn++ % 2 === 0 ? '{"username":"nobody","password":"wrong-password"}' : '{"username":1}';
    const headers = { "content-type": "application/json" };
    tally.count(await send(target, { method: "POST", path: "/v1/sessions", headers, body }));
  });
  return tally.toString();
};

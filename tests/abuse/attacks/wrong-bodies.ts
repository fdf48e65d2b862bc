import { type Attack, again, createTally, send } from "../attack.ts";

/** Bodies that are wrong in half a million places, to routes with and without a sign-in and to a surface. */
export const wrongBodies: Attack = async (target, signal) => {
  const bodies = [
    `{"lines":[${"1,".repeat(520_000)}1]}`,
    `{"items":[${"{},".repeat(340_000)}{}]}`,
    `{${Array.from({ length: 80_000 }, (_, index) => `"k${index}":1`).join(",")}}`,
    "[".repeat(1_000_000),
  ];
  const paths = [
    "/v1/guest-carts",
    "/v1/orders",
    "/v1/carts",
    "/api/v1/orders",
    "/sagacart.order.v1.OrderService/Checkout",
  ];
  const tally = createTally();
  let turn = 0;
  await again(4, signal, async () => {
    const body = bodies[turn % bodies.length] ?? "";
    const path = paths[turn++ % paths.length] ?? "";
    const headers = {
      "content-type": "application/json",
      "idempotency-key": crypto.randomUUID(),
      authorization: target.authorization,
    };
    tally.count(await send(target, { method: "POST", path, headers, body }));
  });
  return tally.toString();
};

import type { Scene } from "./scene.ts";

/** The feeds of events, and a named consumer of each. */
export async function recordEvents({ call, admin: token }: Scene): Promise<void> {
  const feeds = [
    { at: "", types: ["sagacart.order.completed.v1"] },
    { at: "AtOrder", types: ["sagacart.order.completed.v1"] },
    { at: "AtPayment", types: ["sagacart.payment.captured.v1"] },
    { at: "AtShipping", types: ["sagacart.shipment.accepted.v1"] },
  ];
  for (const { at, types } of feeds) {
    // The first one by name.
    const name = "accounting";
    const { events } = await call(`readEvents${at}`, { token, query: { types, afterPosition: 0, pageSize: 1 } });
    await call(`subscribeEvents${at}`, { token, query: { types, afterPosition: 0 } });
    const path = { name };
    const { position } = events[0] ?? { position: "1" };
    const { consumer } = await call(`commitPosition${at}`, { token, path, body: { position } });
    await call(`getConsumer${at}`, { token, path });
    await call(`listConsumers${at}`, { token, query: { pageSize: 1 } });
    await call(`replayConsumer${at}`, {
      token,
      path,
      body: { generation: consumer.generation, afterPosition: "0", reason: "The ledger of May was lost" },
    });
    await call(`deleteConsumer${at}`, { token, path });
  }
}

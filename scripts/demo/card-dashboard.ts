/** Events at the simulated card provider outside the shop: its merchant's page, and the banks of its customers. */
export type CardDashboard = {
  /** Refunds a charge at the provider, once for the key. */
  refund(refund: { key: string; charge: string; amountMinor: bigint }): Promise<void>;
  /** Opens a dispute of a charge. */
  openDispute(dispute: { id: string; charge: string; amountMinor?: bigint }): Promise<void>;
  decideDispute(id: string, decision: "won" | "lost"): Promise<void>;
};

/** Connects to the simulated card provider. A charge has the id of its payment. */
export function connectDashboard({ address, apiKey }: { address: string; apiKey: string }): CardDashboard {
  async function put(path: string, body: object): Promise<void> {
    const response = await fetch(`http://${address}/dashboard/${path}`, {
      method: "PUT",
      headers: { authorization: `Bearer ${apiKey}` },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    if (!response.ok || text.includes('"refused"')) {
      throw new Error(`the card provider answered ${response.status} to PUT /dashboard/${path}: ${text}`);
    }
  }
  return {
    refund: ({ key, charge, amountMinor }) => put(`refunds/${key}`, { charge, amountMinor: amountMinor.toString() }),
    openDispute: ({ id, charge, amountMinor }) =>
      put(`disputes/${id}`, { charge, ...(amountMinor === undefined ? {} : { amountMinor: amountMinor.toString() }) }),
    decideDispute: (id, decision) => put(`disputes/${id}/${decision}`, {}),
  };
}

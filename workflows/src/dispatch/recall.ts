import type { Services } from "../clients.ts";

/** The step of incidents about shipments of cancelled orders that the carrier does not give back. */
export const recallStep = "recall";

/**
 * Brings the incident of an order up to date: open while the carrier refuses to give back its shipment, resolved after.
 * What is true now is read again after raising, since two commands may be handled at once.
 */
export async function updateRecallIncident(
  { shipping, saga }: Pick<Services, "shipping" | "saga">,
  orderId: string,
): Promise<void> {
  const refusalNow = async () => (await shipping.getShipment({ orderId })).shipment?.recallRefusal ?? "";
  const refusal = await refusalNow();
  if (refusal !== "") {
    const error = `The carrier has the shipment of order ${orderId}, which is cancelled, and refuses for good to give it back: ${refusal}. Retry, or have it stopped or returned another way, and resolve this incident.`;
    await saga.raiseIncident({ orderId, step: recallStep, workflowId: `order-${orderId}`, error, attempts: 1 });
    if ((await refusalNow()) !== "") {
      return;
    }
  }
  await saga.clearIncident({ orderId, step: recallStep, resolution: "the carrier gave the shipment back" });
}

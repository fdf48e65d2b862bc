import { Code, ConnectError } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { type Incident, Incident_State } from "@sagacart/proto/order/v1/incident";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import type { Clients } from "../services.ts";
import type { SagaFacts } from "./saga.ts";
import { isFinal } from "./views.ts";

/**
 * Returns a function that reads an order's saga from the services. The order service has to answer. Stock and payment are
 * only called while something is being undone, and left out if they are away: the saga may be waiting for just them.
 */
export function createSagaReader(clients: Clients): (id: string, signal: AbortSignal) => Promise<SagaFacts> {
  const { incidents } = clients;

  /** Finds the open incident of the order, or else of its batch: one incident stands for a whole batch. */
  async function incidentOf({ id, workflowId }: Order, signal: AbortSignal): Promise<Incident | undefined> {
    const state = Incident_State.OPEN;
    const own = await incidents.listIncidents({ orderId: id, state, pageSize: 1 }, { signal });
    if (own.incidents[0] !== undefined || workflowId === "") {
      return own.incidents[0];
    }
    const all = await incidents.listIncidents({ state, pageSize: 200 }, { signal });
    return all.incidents.find((incident) => incident.workflowId === workflowId);
  }

  async function held(orderId: string, signal: AbortSignal): Promise<Pick<SagaFacts, "payments" | "reservation">> {
    const [payments, reservation] = await Promise.all([
      unlessAway(clients.payments.listPayments({ orderId, pageSize: 200 }, { signal, timeoutMs })),
      unlessAway(clients.stock.getReservation({ id: orderId }, { signal, timeoutMs })),
    ]);
    return { payments: payments?.payments, reservation: reservation?.reservation };
  }

  return async (id, signal) => {
    const { order, changes } = await clients.orders.getOrder({ id }, { signal });
    if (order === undefined) {
      throw new ConnectError("the order service answered without an order", Code.Internal);
    }
    const isUndone = changes.some(({ state }) => state === Order_State.CANCELLING);
    const [incident, rest] = await Promise.all([
      isFinal(order.state) ? undefined : incidentOf(order, signal),
      isUndone ? held(id, signal) : {},
    ]);
    return { order, changes, incident, ...rest };
  };
}

const timeoutMs = 2_000;

/** Resolves with undefined if there is none or the service does not answer. */
async function unlessAway<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    const { code } = errorInfo(error);
    if (code === Code.NotFound || code === Code.Unavailable || code === Code.DeadlineExceeded) {
      return undefined;
    }
    throw error;
  }
}

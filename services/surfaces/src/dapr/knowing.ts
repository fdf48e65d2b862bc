import { Code, ConnectError } from "@connectrpc/connect";
import { errorInfo } from "@sagacart/chassis/errors";
import { type Incident, Incident_State } from "@sagacart/proto/order/v1/incident";
import { type Order, Order_State } from "@sagacart/proto/order/v1/order";
import type { Clients } from "../services.ts";
import type { Known } from "./saga.ts";
import { isFinal } from "./views.ts";

/**
 * Asks the services what they know of an order's saga. The order service has to answer; the others are asked about what
 * they hold only where something is undone, and one that is away (it may be what the saga waits for) is left out.
 */
export function createKnowing(clients: Clients): (id: string, signal: AbortSignal) => Promise<Known> {
  const { incidents } = clients;

  /** What is open about the order, or else about the batch that carries it: one incident tells for all of a batch. */
  async function incidentOf({ id, workflowId }: Order, signal: AbortSignal): Promise<Incident | undefined> {
    const state = Incident_State.OPEN;
    const own = await incidents.listIncidents({ orderId: id, state, pageSize: 1 }, { signal });
    if (own.incidents[0] !== undefined || workflowId === "") {
      return own.incidents[0];
    }
    const all = await incidents.listIncidents({ state, pageSize: 200 }, { signal });
    return all.incidents.find((incident) => incident.workflowId === workflowId);
  }

  async function held(orderId: string, signal: AbortSignal): Promise<Pick<Known, "payments" | "reservation">> {
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

/** What was asked for, or nothing where there is none or nobody answers. */
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

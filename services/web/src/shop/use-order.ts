import { createClient, type Transport } from "@connectrpc/connect";
import { useTransport } from "@connectrpc/connect-query";
import { GuestOrderService } from "@sagacart/proto/order/v1/guest_order_service";
import { OrderService, WaitFor } from "@sagacart/proto/order/v1/order_service";
import { useMutation } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import type { SessionState } from "../auth/session.ts";
import { customerIdOf, isStaff, useSession } from "../auth/use-session.tsx";
import { guestTokenOf } from "./cart-store.ts";
import { guardStream } from "./guard-stream.ts";
import { nothingYet, pauseBeforeRetry, type Watched, type WatchStream, watchOrder } from "./watch-order.ts";

/** An order, kept up to date, and what its customer can do about it. */
export function useOrder(id: string) {
  const { state } = useSession();
  const transport = useTransport();
  const [watched, setWatched] = useState<Watched>(nothingYet);
  const [round, setRound] = useState(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: another round watches again, and without a token that was given up.
  const access = useMemo(() => accessTo(id, transport, state), [id, transport, state, round]);
  useEffect(() => {
    if (access === undefined) {
      return;
    }
    const left = new AbortController();
    setWatched(nothingYet);
    void watchOrder(access.watch, setWatched, { signal: left.signal, guard: guardStream, pause: pauseBeforeRetry });
    return () => left.abort();
  }, [access]);
  const cancel = useMutation({ mutationFn: async () => await access?.cancel() });
  const pay = useMutation({
    mutationFn: async ({ method, requestId }: { method: string; requestId: string }) =>
      await access?.pay(method, requestId),
  });
  return { watched, cancel, pay, isGuest: access?.isGuest ?? false, watchAgain: () => setRound((count) => count + 1) };
}

type Access = {
  readonly isGuest: boolean;
  readonly watch: WatchStream;
  cancel(): Promise<unknown>;
  pay(method: string, requestId: string): Promise<unknown>;
};

/** Returns the calls about an order: with its guest's token if this browser has it, else as the person who is signed in. */
function accessTo(id: string, transport: Transport, state: SessionState): Access | undefined {
  if (state.kind === "unknown") {
    return undefined;
  }
  const guestToken = guestTokenOf(id);
  if (guestToken !== undefined) {
    const orders = createClient(GuestOrderService, transport);
    return {
      isGuest: true,
      watch: (afterSequence, signal) => orders.watchGuestOrder({ id, guestToken, afterSequence }, { signal }),
      cancel: () => orders.cancelGuestOrder({ id, guestToken }),
      pay: (paymentMethod, requestId) =>
        orders.payGuestOrder({ id, guestToken, paymentMethod, requestId, waitFor: WaitFor.PAID }),
    };
  }
  const orders = createClient(OrderService, transport);
  // Staff open customers' orders by their address.
  const customerId = isStaff(state) ? "" : customerIdOf(state);
  return {
    isGuest: false,
    watch: (afterSequence, signal) => orders.watchOrder({ id, customerId, afterSequence }, { signal }),
    cancel: () => orders.cancelOrder({ id, customerId }),
    pay: (paymentMethod, requestId) =>
      orders.payOrder({ id, customerId, paymentMethod, requestId, waitFor: WaitFor.PAID }),
  };
}

import { type CallContext, callContext, runWithContext } from "@sagacart/chassis/context";
import type { Log } from "@sagacart/chassis/process/log";
import type { Address } from "@sagacart/proto/type/v1/address";
import type { Result } from "../shipments/results.ts";
import type { Carrier } from "./carrier.ts";

/** Where the carrier is asked. */
export type Desk = AsyncDisposable & {
  /**
   * Asks the carrier for each, several at a time, and answers after `withinMs` at the latest, what is not known by
   * then as `under_way` or, where it was not its turn, `unasked`. One that is being asked for already is not asked
   * for twice; its answer serves all who wait.
   *
   * A call still under way then goes on, and its answer is given to `late`.
   */
  ask(shipments: readonly Asked[], withinMs: number): Promise<Result[]>;
};

export type Asked = { readonly orderId: string; readonly address: Address };

export type DeskOptions = {
  carrier: Carrier;
  /** The most calls under way. */
  concurrency: number;
  /** When a call is given up. */
  timeoutMs: number;
  log: Log;
  /** Takes an answer for which nobody waits any more. Never rejects. */
  late: (result: Result) => Promise<void>;
};

type Queued = Asked & {
  readonly listeners: Set<(result: Result) => void>;
  /** Of the call that asked first: its turn comes in that of another, whose trace this is no part of. */
  readonly context: CallContext | undefined;
};
type Call = Queued & { readonly ended: Promise<void> };

export function createDesk({ carrier, concurrency, timeoutMs, log, late }: DeskOptions): Desk {
  const stopping = new AbortController();
  /** Whose turn has not come, in the order in which they came. */
  const waiting = new Map<string, Queued>();
  const underWay = new Map<string, Call>();

  function join(asked: Asked, listener: (result: Result) => void): void {
    const call = underWay.get(asked.orderId) ?? waiting.get(asked.orderId);
    if (call === undefined) {
      waiting.set(asked.orderId, { ...asked, listeners: new Set([listener]), context: callContext() });
    } else {
      call.listeners.add(listener);
    }
  }

  function leave(orderId: string, listener: (result: Result) => void): Result {
    const queued = waiting.get(orderId);
    queued?.listeners.delete(listener);
    underWay.get(orderId)?.listeners.delete(listener);
    if (queued?.listeners.size === 0) {
      waiting.delete(orderId);
    }
    return { orderId, answer: { kind: queued === undefined ? "under_way" : "unasked" } };
  }

  function startNext(): void {
    for (const [orderId, next] of waiting) {
      if (underWay.size >= concurrency || stopping.signal.aborted) {
        return;
      }
      waiting.delete(orderId);
      underWay.set(orderId, { ...next, ended: runWithContext(next.context, () => run(next)) });
    }
  }

  async function run({ orderId, address, listeners }: Queued): Promise<void> {
    const answer = await call(orderId, address);
    underWay.delete(orderId);
    startNext();
    const result = { orderId, answer };
    if (listeners.size === 0) {
      await late(result);
    }
    for (const listener of listeners) {
      listener(result);
    }
  }

  async function call(orderId: string, address: Address): Promise<Result["answer"]> {
    try {
      const signal = AbortSignal.any([stopping.signal, AbortSignal.timeout(timeoutMs)]);
      return await carrier.create(orderId, address, signal);
    } catch (error) {
      log.warn({ error, orderId }, "the carrier did not answer; it will be asked again");
      return { kind: "failed" };
    }
  }

  return {
    async ask(shipments, withinMs) {
      const results = new Map<string, Result>();
      const { promise: over, resolve } = Promise.withResolvers<void>();
      const listener = (result: Result) => {
        results.set(result.orderId, result);
        if (results.size === shipments.length) {
          resolve();
        }
      };
      for (const shipment of shipments) {
        join(shipment, listener);
      }
      startNext();
      const timer = setTimeout(resolve, withinMs);
      await over;
      clearTimeout(timer);
      return shipments.map(({ orderId }) => results.get(orderId) ?? leave(orderId, listener));
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await Promise.all([...underWay.values()].map(({ ended }) => ended));
    },
  };
}

import { ConsumerService } from "../../../../proto/gen/sagacart/event/v1/consumer_service_pb.ts";
import type { Event } from "../../../../proto/gen/sagacart/event/v1/event_pb.ts";
import { EventService } from "../../../../proto/gen/sagacart/event/v1/event_service_pb.ts";
import { reopen } from "../reopen.ts";
import type { Shop } from "../shop.ts";
import { forward } from "./forward.ts";

export type Listener = {
  /** Forwards each new event, in order, until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
  /** Forwards one event again. Returns false if the feed has no event with this id. */
  replay(id: string): Promise<boolean>;
};

export type ListenOptions = {
  readonly forwardTo: string;
  /** The secret that the requests are signed with: `whsec_` and base64. */
  readonly secret: string;
  /** Patterns of types: `sagacart.order.paid.v1`, `sagacart.order.*`, or `*`. Default: all. */
  readonly types?: readonly string[];
  /** The position to read after; 0n for all events that there are. Default: the end of the feed. */
  readonly after?: bigint | undefined;
  readonly print: (line: string) => void;
};

/**
 * Makes a listener that reads the feed of orders and forwards its events to a URL. It needs no endpoint in the shop, and no
 * address that the shop can reach. What the receiver does not accept is printed, and not sent again by itself.
 */
export function createListener(
  shop: Shop,
  { forwardTo, secret, types = ["*"], after, print }: ListenOptions,
): Listener {
  const events = shop.client(EventService);

  async function send(event: Event): Promise<void> {
    const { status, durationMs, error } = await forward(event, { url: forwardTo, secret });
    const outcome = status === 0 ? error : String(status);
    const isAccepted = status >= 200 && status < 300;
    print(`${isAccepted ? "ok " : "BAD"} ${event.type} ${event.subject} ${event.id}: ${outcome}, ${durationMs} ms`);
  }

  /** Returns the end of the feed. The service tells it with its consumers; a feed that has none is scanned. */
  async function headOf(): Promise<bigint> {
    const { consumers } = await shop.client(ConsumerService).listConsumers({});
    let position = consumers.reduce((head, { headPosition }) => (headPosition > head ? headPosition : head), 0n);
    for (let isAtEnd = consumers.length > 0; !isAtEnd; ) {
      // No event has this type: an answer without events covers thousands of positions.
      const { nextPosition } = await events.readEvents({ afterPosition: position, types: ["none"] });
      // Not until it stands still, which the feed of a busy shop never does.
      isAtEnd = nextPosition - position < nearEnd;
      position = nextPosition;
    }
    return position;
  }

  return {
    async run(signal) {
      let position = after ?? (await headOf());
      print(`listening after position ${position}`);
      try {
        const open = (ended: AbortSignal) => events.subscribeEvents({ afterPosition: position }, { signal: ended });
        for await (const { events: news, nextPosition } of reopen(open, { signal })) {
          for (const event of news) {
            if (signal.aborted) return;
            if (types.some((pattern) => matches(pattern, event.type))) {
              await send(event);
            }
            position = event.position;
          }
          position = nextPosition > position ? nextPosition : position;
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
    async replay(id) {
      let afterPosition = 0n;
      for (;;) {
        const page = await events.readEvents({ afterPosition, pageSize: 1_000 });
        const event = page.events.find((candidate) => candidate.id === id);
        if (event !== undefined) {
          await send(event);
          return true;
        }
        if (page.nextPosition <= afterPosition) {
          return false;
        }
        afterPosition = page.nextPosition;
      }
    },
  };
}

/** A read that came so little further was at the end: the service scans 20,000 positions at a time. */
const nearEnd = 1_000n;

function matches(pattern: string, type: string): boolean {
  return pattern === "*" || pattern === type || (pattern.endsWith(".*") && type.startsWith(pattern.slice(0, -1)));
}

import { Code, ConnectError } from "@connectrpc/connect";
import { Cart_State } from "@sagacart/proto/order/v1/cart";
import { Incident_State } from "@sagacart/proto/order/v1/incident";
import { Movement_Reason } from "@sagacart/proto/stock/v1/stock_service";
import { until } from "../until.ts";
import type { Shop } from "./shop.ts";

/** The list of what a demo makes, to be removed or set back at its end. Each is told before or right after it is made. */
export type Cleanup = {
  /** Takes a product out of the catalogue. */
  product(id: string): void;
  /** Sets back a stock that was raised by so many; less than nothing for what was sold of it. */
  stock(productId: string, raisedBy: number): void;
  /** Deletes the carts of a customer that are open. */
  carts(customerId: string): void;
  /** Resolves the open incidents of an order. */
  incidents(orderId: string): void;
  /** Deletes the account of a user, and their personal data in all services. */
  user(id: string): void;
  /** Deletes the personal data of a customer without an account. */
  customer(id: string): void;
  /** Removes and sets back all of it, what was made last first. Returns a sentence for each that is still there. */
  run(): Promise<readonly string[]>;
};

/** The sentence that says what stays when a demo has cleaned up. */
export const whatStays = "Orders, payments, movements of stock and mails stay: they are history, which nobody deletes.";

type Step = { readonly what: string; readonly undo: () => Promise<unknown> };

/** Creates the list of what a demo makes in this shop. Each step is repeated `withinMs`, such as while an order holds stock. */
export function createCleanup(
  shop: Pick<Shop, "products" | "stock" | "carts" | "incidents" | "users">,
  { withinMs = 60_000, everyMs = 500 }: { withinMs?: number; everyMs?: number } = {},
): Cleanup {
  const steps: Step[] = [];
  const raised = new Map<string, { by: number; readonly requestId: string }>();
  const add = (what: string, undo: Step["undo"]) => {
    steps.push({ what, undo });
  };

  async function lower(productId: string): Promise<void> {
    const { by, requestId } = raised.get(productId) ?? { by: 0, requestId: "" };
    if (by !== 0) {
      const reason = Movement_Reason.CORRECTION;
      await shop.stock.adjustStock({ productId, delta: -by, reason, reference: "the demo is over", requestId });
    }
    raised.delete(productId);
  }

  return {
    product: (id) => add(`product ${id}`, () => unlessGone(shop.products.deleteProduct({ id, releaseManual: true }))),
    stock(productId, raisedBy) {
      const known = raised.get(productId);
      if (known === undefined) {
        // The request id is of this demo alone, and the same for each try: an answer may be lost.
        raised.set(productId, { by: raisedBy, requestId: crypto.randomUUID() });
        add(`the stock of ${productId}`, () => lower(productId));
      } else {
        known.by += raisedBy;
      }
    },
    carts: (customerId) =>
      add(`the carts of ${customerId}`, async () => {
        const { carts } = await shop.carts.listCarts({ customerId, states: [Cart_State.OPEN], pageSize: 200 });
        for (const { id } of carts) {
          await unlessGone(shop.carts.deleteCart({ id, customerId }));
        }
      }),
    incidents: (orderId) =>
      add(`the incidents of order ${orderId}`, async () => {
        const { incidents } = await shop.incidents.listIncidents({ orderId, state: Incident_State.OPEN });
        for (const { id } of incidents) {
          await shop.incidents.resolveIncident({ id, resolution: "The demo is over." });
        }
      }),
    user: (id) => add(`user ${id}`, () => unlessGone(shop.users.deleteUser({ id }))),
    customer: (id) => add(`the personal data of ${id}`, () => shop.users.eraseCustomer({ id })),
    async run() {
      const left: string[] = [];
      // A story that was interrupted may still add to it.
      for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
        const { what, undo } = step;
        try {
          await until(
            what,
            async () => {
              await undo();
              return true;
            },
            { withinMs, everyMs },
          );
        } catch (error) {
          left.push(`${what} is still there: ${String(error instanceof Error ? error.message : error)}`);
        }
      }
      return left;
    },
  };
}

/** Waits for a deletion; what is gone already needs none. */
async function unlessGone(deletion: Promise<unknown>): Promise<void> {
  await deletion.catch((error: unknown) => {
    if (ConnectError.from(error).code !== Code.NotFound) {
      throw error;
    }
  });
}

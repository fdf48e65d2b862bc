import { uuidv7 } from "@sagacart/chassis/uuid";
import { Order_State } from "@sagacart/proto/order/v1/order";
import { WaitFor } from "@sagacart/proto/order/v1/order_service";
import type { Shop } from "../../scripts/demo/shop.ts";

export const usd = (minorUnits: bigint) => ({ currencyCode: "USD", minorUnits });

export const home = (postalCode: string) => ({
  recipient: "Ada",
  line1: "1 Main Street",
  city: "Springfield",
  postalCode,
  countryCode: "US",
});

/** Creates a product with this quantity on hand, at 1.00 USD. */
export async function makeProduct(shop: Shop, onHand: number): Promise<string> {
  const { product } = await shop.products.createProduct({
    product: { title: "Thing", price: usd(100n) },
    initialOnHand: onHand,
  });
  return product!.id;
}

/** Creates a customer with this balance. */
export async function makeCustomer(shop: Shop, minorUnits: bigint): Promise<string> {
  const { account } = await shop.accounts.createAccount({ currencyCode: "USD" });
  const { customerId } = account!;
  if (minorUnits > 0n) {
    await shop.accounts.deposit({ customerId, amount: usd(minorUnits) });
  }
  return customerId;
}

/** Places an order for each path of the saga, in one batch. Returns the state that each must end in. */
export async function placeOneOfEach(shop: Shop): Promise<Map<string, Order_State>> {
  const plenty = await makeProduct(shop, 100);
  const none = await makeProduct(shop, 0);
  const rich = await makeCustomer(shop, 10_000n);
  const poor = await makeCustomer(shop, 1n);
  const kinds: [Order_State, object][] = [
    [Order_State.COMPLETED, { customerId: rich, lines: [{ productId: plenty, quantity: 2 }] }],
    [
      Order_State.COMPLETED,
      {
        customerId: rich,
        lines: [{ productId: plenty, quantity: 1 }],
        paymentMethod: "pm_ok",
        shippingAddress: home("12345"),
      },
    ],
    [Order_State.REJECTED, { customerId: rich, lines: [{ productId: none, quantity: 1 }] }],
    [Order_State.REJECTED, { customerId: poor, lines: [{ productId: plenty, quantity: 1 }] }],
    [
      Order_State.REJECTED,
      { customerId: rich, lines: [{ productId: plenty, quantity: 1 }], paymentMethod: "pm_declined" },
    ],
    [
      Order_State.CANCELLED,
      { customerId: rich, lines: [{ productId: plenty, quantity: 1 }], shippingAddress: home("00000") },
    ],
  ];
  const placed = await Promise.all(
    kinds.map(async ([state, request]) => {
      const orderId = uuidv7();
      await shop.orders.checkout({ ...request, orderId, waitFor: WaitFor.ACCEPTED });
      return [orderId, state] as const;
    }),
  );
  return new Map(placed);
}

/** A fault of the simulated card provider or carrier, and how an order asks for it. */
export type Fault = {
  readonly name: string;
  readonly does: string;
  readonly paymentMethod: string;
  /** The postal code of the address; without one the customer picks the order up, and no carrier is asked. */
  readonly postalCode?: string;
};

export const faults: readonly Fault[] = [
  { name: "None", does: "Charged and shipped.", paymentMethod: "pm_ok", postalCode: "12345" },
  { name: "Declined", does: "The card is declined; the stock is given back.", paymentMethod: "pm_declined" },
  { name: "Slow", does: "The card is charged after 3 seconds.", paymentMethod: "pm_slow" },
  {
    name: "Lost answer",
    does: "The card is charged, but the answer never comes. It is asked for again with the same key, and charged once.",
    paymentMethod: "pm_lost_answer",
  },
  { name: "Late answer", does: "Accepted now, decided 5 seconds later by a webhook.", paymentMethod: "pm_late" },
  { name: "Told twice", does: "The provider's webhook comes twice; it counts once.", paymentMethod: "pm_twice" },
  { name: "Provider down", does: "The card provider is unavailable for the first tries.", paymentMethod: "pm_down" },
  {
    name: "Carrier refuses",
    does: "The carrier refuses the shipment: the charge is paid back and the stock given back.",
    paymentMethod: "pm_ok",
    postalCode: "00000",
  },
  {
    name: "Carrier answers late",
    does: "The carrier takes the shipment, and answers after its deadline.",
    paymentMethod: "pm_ok",
    postalCode: "00001",
  },
];

/** Runs a number of tasks, a few at a time. Returns what each answered, or what it failed with. */
export async function runSome<T>(
  number: number,
  { atOnce, run }: { readonly atOnce: number; readonly run: () => Promise<T> },
): Promise<PromiseSettledResult<T>[]> {
  const results: PromiseSettledResult<T>[] = [];
  let begun = 0;
  const lane = async () => {
    while (begun < number) {
      begun++;
      const [result] = await Promise.allSettled([run()]);
      results.push(result);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, number) }, lane));
  return results;
}

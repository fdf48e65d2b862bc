import type { breakTexts } from "./break-texts.ts";

/** A fault of the simulated card provider or carrier, and how an order asks for it. */
export type Fault = {
  /** Its texts have the same key. */
  readonly key: keyof (typeof breakTexts)["en"]["faults"];
  readonly paymentMethod: string;
  /** The postal code of the address; without one the customer picks the order up, and no carrier is asked. */
  readonly postalCode?: string;
};

export const faults: readonly Fault[] = [
  { key: "none", paymentMethod: "pm_ok", postalCode: "12345" },
  { key: "declined", paymentMethod: "pm_declined" },
  { key: "slow", paymentMethod: "pm_slow" },
  { key: "lostAnswer", paymentMethod: "pm_lost_answer" },
  { key: "lateAnswer", paymentMethod: "pm_late" },
  { key: "toldTwice", paymentMethod: "pm_twice" },
  { key: "providerDown", paymentMethod: "pm_down" },
  { key: "carrierRefuses", paymentMethod: "pm_ok", postalCode: "00000" },
  { key: "carrierLate", paymentMethod: "pm_ok", postalCode: "00001" },
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

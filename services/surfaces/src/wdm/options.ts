import type { Clients } from "../services.ts";

export type WdmOptions = {
  readonly clients: Clients;
  readonly currency: string;
  /** Converts credits to money: one credit is one minor unit of the shop's currency. */
  money(credits: number): { currencyCode: string; minorUnits: bigint };
};

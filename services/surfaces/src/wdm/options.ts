import type { Clients } from "../services.ts";

export type WdmOptions = {
  readonly clients: Clients;
  readonly currency: string;
  /** Credits as money: one is one minor unit of the shop's currency. */
  money(credits: number): { currencyCode: string; minorUnits: bigint };
};

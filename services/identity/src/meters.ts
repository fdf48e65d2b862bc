import type { Metrics } from "@sagacart/chassis/process/metrics";
import { Counter } from "prom-client";

/** What somebody who watches over sign-ins wants to see. */
export type Meters = {
  readonly signIns: Counter<"outcome">;
  readonly tokensReused: Counter;
};

export function createMeters(metrics: Metrics): Meters {
  const registers = [metrics];
  return {
    signIns: new Counter({
      name: "identity_sign_ins_total",
      help: "Passwords that were tried: right, wrong, or too_many, which were not looked at.",
      labelNames: ["outcome"],
      registers,
    }),
    tokensReused: new Counter({
      name: "identity_refresh_tokens_reused_total",
      help: "Refresh tokens that came again: a session ended, and somebody has a stolen token.",
      registers,
    }),
  };
}

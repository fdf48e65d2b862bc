import type { Metrics } from "@sagacart/chassis/process/metrics";
import { Counter } from "prom-client";

/** Counters of sign-ins, of stolen refresh tokens, and of looks at breached passwords. */
export type Meters = {
  readonly signIns: Counter<"outcome">;
  readonly tokensReused: Counter;
  readonly breachChecks: Counter<"outcome">;
};

export function createMeters(metrics: Metrics): Meters {
  const registers = [metrics];
  return {
    signIns: new Counter({
      name: "identity_sign_ins_total",
      help: "Sign-in attempts by outcome: right, wrong, or too_many, which were refused unchecked.",
      labelNames: ["outcome"],
      registers,
    }),
    tokensReused: new Counter({
      name: "identity_refresh_tokens_reused_total",
      help: "Reused refresh tokens: each ended its session, and may be stolen.",
      registers,
    }),
    breachChecks: new Counter({
      name: "identity_breached_password_checks_total",
      help: "New passwords looked up among those known from breaches: known, which were refused, unknown, or failed, which were accepted.",
      labelNames: ["outcome"],
      registers,
    }),
  };
}

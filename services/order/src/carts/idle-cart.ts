import type { CartState } from "./cart.ts";

/** The times after which unchanged carts expire, and how long before that customers are reminded. */
export type IdlePeriods = {
  readonly expireAfterMs: number;
  readonly expireGuestsAfterMs: number;
  readonly remindBeforeMs: number;
};

/** The facts that decide whether a cart is idle. */
export type CheckedCart = {
  readonly state: CartState;
  readonly isGuest: boolean;
  readonly isEmpty: boolean;
  readonly updateTime: Date;
  /** The expiry that its customer was notified of, if the cart has not changed since. */
  readonly notifiedExpireTime: Date | undefined;
};

/** The action for a cart; `at` is the time of its next check. FORGET: it needs no more checks. */
export type Verdict =
  | { readonly kind: "FORGET" }
  | { readonly kind: "WAIT"; readonly at: Date }
  | { readonly kind: "REMIND"; readonly expireTime: Date; readonly at: Date }
  | { readonly kind: "EXPIRE" };

/**
 * Decides what to do with a cart now. A customer's cart that is not empty never expires before the time in its reminder,
 * however late the reminder was. Guests and customers with an empty cart are not reminded.
 */
export function judge(cart: CheckedCart, now: Date, periods: IdlePeriods): Verdict {
  if (cart.state === "CHECKING_OUT") {
    return waitUntil(later(now, hourMs), now);
  }
  if (cart.state !== "OPEN") {
    return { kind: "FORGET" };
  }
  const life = cart.isGuest ? periods.expireGuestsAfterMs : periods.expireAfterMs;
  const expireTime = cart.notifiedExpireTime ?? later(cart.updateTime, life);
  if (cart.isGuest || cart.isEmpty || cart.notifiedExpireTime !== undefined) {
    return expireTime <= now ? { kind: "EXPIRE" } : waitUntil(expireTime, now);
  }
  const remindTime = later(expireTime, -periods.remindBeforeMs);
  if (remindTime > now) {
    return waitUntil(remindTime, now);
  }
  const notified = new Date(Math.max(expireTime.getTime(), now.getTime() + periods.remindBeforeMs));
  return { kind: "REMIND", expireTime: notified, at: waitUntil(notified, now).at };
}

const hourMs = 3_600_000;
const weekMs = 7 * 24 * hourMs;

/** Waits a week at most, so that a shorter configured period applies to all carts within a week. */
function waitUntil(due: Date, now: Date): { kind: "WAIT"; at: Date } {
  return { kind: "WAIT", at: new Date(Math.min(due.getTime(), now.getTime() + weekMs)) };
}

function later(time: Date, ms: number): Date {
  return new Date(time.getTime() + ms);
}

import type { CartState } from "./cart.ts";

/** How long carts last that nobody changes, and how long before their end customers are reminded of them. */
export type IdlePeriods = {
  readonly expireAfterMs: number;
  readonly expireGuestsAfterMs: number;
  readonly remindBeforeMs: number;
};

/** What there is to know of a cart to say whether it is idle. */
export type LookedAt = {
  readonly state: CartState;
  readonly isGuests: boolean;
  readonly isEmpty: boolean;
  /** When it last changed. */
  readonly updateTime: Date;
  /** The end that its owner was told of, if that was since it last changed. */
  readonly toldExpireTime: Date | undefined;
};

/** What is to be done about it. */
export type Verdict =
  | { readonly kind: "FORGET" }
  | { readonly kind: "LOOK_AGAIN"; readonly at: Date }
  | { readonly kind: "REMIND"; readonly expireTime: Date; readonly at: Date }
  | { readonly kind: "EXPIRE" };

/**
 * What to do about a cart now. A customer's cart with something in it never expires sooner than its owner was told in
 * a reminder, however late that was; there is nobody to be reminded of a guest's, and nothing to be in an empty one.
 */
export function judge(cart: LookedAt, now: Date, periods: IdlePeriods): Verdict {
  if (cart.state === "CHECKING_OUT") {
    return lookAgain(later(now, hourMs), now);
  }
  if (cart.state !== "OPEN") {
    return { kind: "FORGET" };
  }
  const life = cart.isGuests ? periods.expireGuestsAfterMs : periods.expireAfterMs;
  const expireTime = cart.toldExpireTime ?? later(cart.updateTime, life);
  if (cart.isGuests || cart.isEmpty || cart.toldExpireTime !== undefined) {
    return expireTime <= now ? { kind: "EXPIRE" } : lookAgain(expireTime, now);
  }
  const remindTime = later(expireTime, -periods.remindBeforeMs);
  if (remindTime > now) {
    return lookAgain(remindTime, now);
  }
  const told = new Date(Math.max(expireTime.getTime(), now.getTime() + periods.remindBeforeMs));
  return { kind: "REMIND", expireTime: told, at: lookAgain(told, now).at };
}

const hourMs = 3_600_000;
const weekMs = 7 * 24 * hourMs;

/** A week ahead at most, so that periods that are made shorter hold for all carts within one. */
function lookAgain(due: Date, now: Date): { kind: "LOOK_AGAIN"; at: Date } {
  return { kind: "LOOK_AGAIN", at: new Date(Math.min(due.getTime(), now.getTime() + weekMs)) };
}

function later(time: Date, ms: number): Date {
  return new Date(time.getTime() + ms);
}

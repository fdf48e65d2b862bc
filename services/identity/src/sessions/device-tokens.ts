import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type { Clock } from "@sagacart/chassis/time/clock";

/**
 * Tokens for devices on which a user has signed in, after OWASP's device cookies: attempts with one are counted by the device,
 * so that somebody else's wrong passwords do not lock the user out of it. A token opens nothing, and is bound to its user.
 */
export type DeviceTokens = {
  /** Makes the token for a device that has none for this user, or returns the given one. */
  issue(userId: string, given: string): string;
  /** Returns the id of the device; undefined if the token is not valid for this user. */
  deviceOf(userId: string, token: string): string | undefined;
};

const lifeMs = 180 * 24 * 3_600_000;

/** Creates device tokens. The first key signs; all of them verify. */
export function createDeviceTokens({
  keys,
  clock,
}: {
  keys: readonly [Buffer, ...Buffer[]];
  clock: Clock;
}): DeviceTokens {
  function sign(key: Buffer, userId: string, device: string, expires: string): Buffer {
    return createHmac("sha256", key)
      .update(JSON.stringify([userId, device, expires]))
      .digest();
  }

  function deviceOf(userId: string, token: string): string | undefined {
    const [, device, expires, tag] = /^([\w-]{22})\.([0-9a-z]{1,12})\.([\w-]{43})$/.exec(token) ?? [];
    if (device === undefined || expires === undefined || tag === undefined) {
      return undefined;
    }
    const given = Buffer.from(tag, "base64url");
    const isSigned = keys.some((key) => timingSafeEqual(sign(key, userId, device, expires), given));
    return isSigned && Number.parseInt(expires, 36) > clock.now().getTime() ? device : undefined;
  }

  return {
    issue(userId, given) {
      if (deviceOf(userId, given) !== undefined) {
        return given;
      }
      const device = randomBytes(16).toString("base64url");
      const expires = (clock.now().getTime() + lifeMs).toString(36);
      return `${device}.${expires}.${sign(keys[0], userId, device, expires).toString("base64url")}`;
    },
    deviceOf,
  };
}

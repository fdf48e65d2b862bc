import { DomainError } from "@sagacart/chassis/errors";
import { reasons } from "../reasons.ts";

export const roles = ["customer", "support", "operator"] as const;
export type Role = (typeof roles)[number];

/** A user, who can sign in. `version` rises with each change and is the etag. */
export type User = {
  readonly id: string;
  readonly username: string;
  readonly email: string;
  /** True if someone has proven to receive mail at this address. */
  readonly isEmailVerified: boolean;
  /** The new address that has to be confirmed; "" if there is none. */
  readonly pendingEmail: string;
  readonly phone: string;
  readonly roles: readonly Role[];
  readonly version: bigint;
  /** The version of the tokens that are issued now; those of an earlier one may be revoked. */
  readonly tokenVersion: number;
  /** True if the password is good enough for an operator; undefined if it was set before that was looked at. */
  readonly hasOperatorPassword: boolean | undefined;
  readonly createTime: Date;
  readonly updateTime: Date;
};

/** Returns true for people who work for the shop: support and operators. */
export function isStaff(roles: readonly string[]): boolean {
  return roles.some((role) => role !== "customer");
}

/** Makes the error for a user that does not exist, or that the caller must not know of. */
export function userNotFound(id: string): DomainError {
  return new DomainError(reasons, "USER_NOT_FOUND", `there is no user ${id}`, { user_id: id });
}

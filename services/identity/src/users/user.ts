export const roles = ["customer", "support", "operator"] as const;
export type Role = (typeof roles)[number];

/** Somebody who can sign in. */
export type User = {
  readonly id: string;
  readonly username: string;
  readonly email: string;
  readonly phone: string;
  readonly roles: readonly Role[];
  readonly version: bigint;
  readonly createTime: Date;
  readonly updateTime: Date;
};

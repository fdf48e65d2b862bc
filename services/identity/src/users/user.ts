import type { Role } from "../config-json.ts";

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

import { randomBytes } from "node:crypto";

/** Returns 192 random bits as letters, digits, - and _, which need no escape in a URL. */
export function randomSecret(): string {
  return randomBytes(24).toString("base64url");
}

import { mailName } from "@sagacart/chassis/mail-name";

/** Returns the first line of a mail. Whoever registers chooses the user name, and the address too. */
export function greeting(username: string): string {
  const name = mailName(username);
  return name === "" ? "Hello," : `Hello ${name},`;
}

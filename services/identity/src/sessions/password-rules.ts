import { DomainError } from "@sagacart/chassis/errors";
import { dictionary } from "@zxcvbn-ts/language-common";
import { reasons } from "../reasons.ts";
import { foldName } from "../users/fold.ts";
import { isStaff } from "../users/user.ts";
import type { BreachedPasswords } from "./breached-passwords.ts";
import { mostlyWords } from "./shop-words.ts";

export type PasswordRules = {
  /**
   * Throws PASSWORD_TOO_SHORT, PASSWORD_TOO_COMMON, PASSWORD_TOO_OBVIOUS or PASSWORD_BREACHED if the password is not good enough
   * for a user with these roles.
   */
  refuseWeak(password: string, user: { roles: readonly string[]; username: string; email: string }): Promise<void>;
  /** Returns the least number of characters of a password of a user with these roles. */
  minLengthOf(roles: readonly string[]): number;
  /** Returns true if it is good enough for an operator. */
  isForOperators(password: string): boolean;
};

/** About 49,000 passwords that attackers try first, in lower case. */
const common: ReadonlySet<string> = new Set(dictionary["passwords-common"]);

export type PasswordRulesOptions = {
  readonly minLength: number;
  readonly operatorMinLength: number;
  /** Words of the shop, see shopWords. */
  readonly words: readonly string[];
  readonly breached: BreachedPasswords;
};

/**
 * Creates the rules for new passwords, as NIST SP 800-63B: a length, none that is common, known from a breach or mostly the name
 * of the shop, and no rules about characters.
 */
export function createPasswordRules(options: PasswordRulesOptions): PasswordRules {
  const { minLength, operatorMinLength, words, breached } = options;
  const minLengthOf = (roles: readonly string[]) => (isStaff(roles) ? operatorMinLength : minLength);

  function weaknessOf(password: string, minLength: number, names: readonly string[]): DomainError | undefined {
    // The password is hashed in this form. Code points are counted, so that an emoji is one.
    const normal = password.normalize("NFKC");
    if ([...normal].length < minLength) {
      const message = `the password must have at least ${minLength} characters`;
      return new DomainError(reasons, "PASSWORD_TOO_SHORT", message, { min_length: `${minLength}` });
    }
    const folded = foldName(normal);
    if (common.has(folded) || new Set(folded).size < 3 || names.some((name) => foldName(name) === folded)) {
      const message = "the password is one that is guessed first: it is in lists of common ones, or is your name";
      return new DomainError(reasons, "PASSWORD_TOO_COMMON", message);
    }
    const obvious = mostlyWords(normal, words);
    if (obvious !== undefined) {
      const message = `the password is mostly made of words that are guessed for this shop: ${obvious}`;
      return new DomainError(reasons, "PASSWORD_TOO_OBVIOUS", message, { words: obvious });
    }
    return undefined;
  }

  return {
    minLengthOf,
    async refuseWeak(password, { roles, username, email }) {
      const weakness = weaknessOf(password, minLengthOf(roles), [username, email]);
      if (weakness !== undefined) {
        throw weakness;
      }
      if (await breached.has(password)) {
        const message = "the password is known from a breach of another site, so it is among those that attackers try";
        throw new DomainError(reasons, "PASSWORD_BREACHED", message);
      }
    },
    isForOperators: (password) => weaknessOf(password, operatorMinLength, []) === undefined,
  };
}

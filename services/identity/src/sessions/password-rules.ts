import { DomainError } from "@sagacart/chassis/errors";
import { dictionary } from "@zxcvbn-ts/language-common";
import { reasons } from "../reasons.ts";
import { foldName } from "../users/fold.ts";

export type PasswordRules = {
  /** Throws PASSWORD_TOO_SHORT or PASSWORD_TOO_COMMON if the password is not good enough for a user with these roles. */
  refuseWeak(password: string, user: { roles: readonly string[]; username: string; email: string }): void;
  /** Returns true if it is good enough for an operator. */
  isForOperators(password: string): boolean;
};

/** About 49,000 passwords that attackers try first, in lower case. */
const common: ReadonlySet<string> = new Set(dictionary["passwords-common"]);

/** Creates the rules for new passwords, as NIST SP 800-63B: a length and no common ones, and no rules about characters. */
export function createPasswordRules(lengths: { minLength: number; operatorMinLength: number }): PasswordRules {
  const minLengthOf = (roles: readonly string[]) =>
    roles.some((role) => role !== "customer") ? lengths.operatorMinLength : lengths.minLength;

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
    return undefined;
  }

  return {
    refuseWeak(password, { roles, username, email }) {
      const weakness = weaknessOf(password, minLengthOf(roles), [username, email]);
      if (weakness !== undefined) {
        throw weakness;
      }
    },
    isForOperators: (password) => weaknessOf(password, lengths.operatorMinLength, []) === undefined,
  };
}

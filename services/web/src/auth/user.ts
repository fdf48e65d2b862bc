/** The person who is signed in, from the claims of the ID token. */
export type User = {
  readonly id: string;
  readonly name: string;
  readonly email?: string;
  readonly roles: readonly string[];
};

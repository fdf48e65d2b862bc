/** The person who is signed in, from the claims of the ID token. */
export type User = {
  readonly id: string;
  readonly name: string;
  readonly email?: string;
  readonly roles: readonly string[];
};

/**
 * `fresh` asks who it is again, also if the issuer knows: for what needs a sign-in of just now. `register` shows the page to
 * register first, at issuers that have one.
 */
export type SignInOptions = { readonly fresh?: boolean; readonly register?: boolean };

/** The path of this site that the issuer returns to after a sign-in. */
export const returnPath = "/shop/signed-in";

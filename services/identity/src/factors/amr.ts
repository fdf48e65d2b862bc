/** How a user proved who they are, as in the claim `amr` (RFC 8176). */
export type Amr = readonly ("pwd" | "otp" | "pop" | "user" | "mfa")[];

export const passwordOnly: Amr = ["pwd"];

/** The operator, whom scripts sign in as. */
export const operatorName = "admin";

/**
 * The users of the local shop. The seed gives the two customers money; clients of the Flask services sign in as `admin`.
 * Only for loopback: elsewhere SEED_USERS lists the users, and without it there are none.
 */
export const laptopUsers = [
  {
    id: operatorName,
    username: operatorName,
    email: "admin@sagacart.example",
    password: "admin123",
    roles: ["operator", "support", "customer"],
  },
  { id: "alice", username: "alice", email: "alice@sagacart.example", password: "alice123", roles: ["customer"] },
  { id: "bob", username: "bob", email: "bob@sagacart.example", password: "bob12345", roles: ["customer"] },
] as const;

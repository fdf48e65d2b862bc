/**
 * Who can sign in at a laptop's shop. The two customers are those that the catalogue's seed gives money; `admin` is the
 * one whom clients of the Flask services sign in as. On loopback, for trying: anywhere else, users are given by
 * SEED_USERS, and there are none without it.
 */
export const laptopUsers = [
  {
    id: "admin",
    username: "admin",
    email: "admin@sagacart.example",
    password: "admin123",
    roles: ["operator", "support", "customer"],
  },
  { id: "alice", username: "alice", email: "alice@sagacart.example", password: "alice123", roles: ["customer"] },
  { id: "bob", username: "bob", email: "bob@sagacart.example", password: "bob12345", roles: ["customer"] },
] as const;

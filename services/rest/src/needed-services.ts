export type ServiceName = "order" | "stock" | "payment" | "shipping" | "notifier" | "identity";

/**
 * Whether a process with REST is ready while a service is away. If it were not, that one service would take everything else
 * away with it: no other pod would reach that service either.
 */
export const isNeeded: Readonly<Record<ServiceName, boolean>> = {
  // Without it there is nothing to look up and nothing to buy.
  order: true,
  // No search and no checkout; orders are read, paid for and cancelled, and users sign in.
  stock: false,
  // Carts and orders are read and changed; orders that are to be paid wait.
  payment: false,
  // Orders are read and taken; those that are to be shipped wait.
  shipping: false,
  // It catches up.
  notifier: false,
  // Whoever has signed in stays signed in.
  identity: false,
};

import { type AnyRoute, createRoute, lazyRouteComponent } from "@tanstack/react-router";

/** The addresses of the console, below /console. Its pages are chunks of their own. */
export function consoleRoutes<Parent extends AnyRoute>(parent: Parent) {
  const layout = createRoute({
    getParentRoute: () => parent,
    path: "/console",
    component: lazyRouteComponent(() => import("./layout.tsx"), "ConsoleLayout"),
  });
  const orders = () => import("./orders/orders-page.tsx");
  const order = () => import("./orders/order-page.tsx");
  const incidents = () => import("./orders/incidents-page.tsx");
  const products = () => import("./stock/products-page.tsx");
  const product = () => import("./stock/product-page.tsx");
  const reservations = () => import("./stock/reservations-page.tsx");
  const accounts = () => import("./money/accounts-page.tsx");
  const journal = () => import("./money/journal-page.tsx");
  const payments = () => import("./money/payments-page.tsx");
  const refunds = () => import("./money/refunds-page.tsx");
  const webhooks = () => import("./outgoing/webhooks-page.tsx");
  const deliveries = () => import("./outgoing/deliveries-page.tsx");
  const feeds = () => import("./outgoing/feeds-page.tsx");
  const messages = () => import("./outgoing/messages-page.tsx");
  const templates = () => import("./outgoing/templates-page.tsx");
  const users = () => import("./people/users-page.tsx");
  const below = <Path extends string>(path: Path, component: ReturnType<typeof lazyRouteComponent>) =>
    createRoute({ getParentRoute: () => layout, path, component });
  const pages = [
    below(
      "/",
      lazyRouteComponent(() => import("./now/now-page.tsx"), "NowPage"),
    ),
    below("orders", lazyRouteComponent(orders, "OrdersPage")),
    below("orders/$id", lazyRouteComponent(order, "OrderPage")),
    below("incidents", lazyRouteComponent(incidents, "IncidentsPage")),
    below("incidents/$id", lazyRouteComponent(incidents, "IncidentPage")),
    below("products", lazyRouteComponent(products, "ProductsPage")),
    below("products/$id", lazyRouteComponent(product, "ProductPage")),
    below("reservations", lazyRouteComponent(reservations, "ReservationsPage")),
    below("reservations/$id", lazyRouteComponent(reservations, "ReservationPage")),
    below("accounts", lazyRouteComponent(accounts, "AccountsPage")),
    below("accounts/$customer/$currency", lazyRouteComponent(accounts, "AccountPage")),
    below("journal", lazyRouteComponent(journal, "JournalPage")),
    below("journal/$id", lazyRouteComponent(journal, "JournalEntryPage")),
    below("payments", lazyRouteComponent(payments, "PaymentsPage")),
    below("payments/$id", lazyRouteComponent(payments, "PaymentPage")),
    below("refunds", lazyRouteComponent(refunds, "RefundsPage")),
    below("disputes", lazyRouteComponent(refunds, "DisputesPage")),
    below("webhooks", lazyRouteComponent(webhooks, "WebhooksPage")),
    below("webhooks/$id", lazyRouteComponent(webhooks, "WebhookPage")),
    below("deliveries", lazyRouteComponent(deliveries, "DeliveriesPage")),
    below("deliveries/$id", lazyRouteComponent(deliveries, "DeliveryPage")),
    below("feeds", lazyRouteComponent(feeds, "FeedsPage")),
    below("feeds/$feed", lazyRouteComponent(feeds, "FeedPage")),
    below("messages", lazyRouteComponent(messages, "MessagesPage")),
    below("messages/$id", lazyRouteComponent(messages, "MessagePage")),
    below("mailbox", lazyRouteComponent(messages, "MailboxPage")),
    below("mailbox/$id", lazyRouteComponent(messages, "MailPage")),
    below("templates", lazyRouteComponent(templates, "TemplatesPage")),
    below("templates/$event/$language", lazyRouteComponent(templates, "TemplatePage")),
    below("users", lazyRouteComponent(users, "UsersPage")),
    below("users/$id", lazyRouteComponent(users, "UserPage")),
    below(
      "break",
      lazyRouteComponent(() => import("./break/break-page.tsx"), "BreakPage"),
    ),
  ];
  return [layout.addChildren(pages)] as const;
}

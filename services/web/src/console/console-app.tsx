import { Loader, Title } from "@mantine/core";
import { useLocation } from "@tanstack/react-router";
import { Suspense } from "react";
import { useTexts } from "../i18n/language.tsx";
import { lazyChunk } from "../layout/lazy-chunk.ts";
import { PathPartsContext } from "./address.ts";
import { AuditPage, AuditsPage } from "./audits/audits-page.tsx";
import { BreakPage } from "./break/break-page.tsx";
import { commonTexts } from "./console-texts.ts";
import { ConsoleLayout } from "./layout.tsx";
import { matchPage } from "./match.ts";
import { AccountPage, AccountsPage } from "./money/accounts-page.tsx";
import { JournalEntryPage, JournalPage } from "./money/journal-page.tsx";
import { PaymentPage, PaymentsPage } from "./money/payments-page.tsx";
import { DisputesPage, RefundsPage } from "./money/refunds-page.tsx";
import { IncidentPage, IncidentsPage } from "./orders/incidents-page.tsx";
import { OrderPage } from "./orders/order-page.tsx";
import { OrdersPage } from "./orders/orders-page.tsx";
import { DeliveriesPage, DeliveryPage } from "./outgoing/deliveries-page.tsx";
import { FeedPage, FeedsPage } from "./outgoing/feeds-page.tsx";
import { MailboxPage, MailPage, MessagePage, MessagesPage } from "./outgoing/messages-page.tsx";
import { TemplatePage, TemplatesPage } from "./outgoing/templates-page.tsx";
import { WebhookPage, WebhooksPage } from "./outgoing/webhooks-page.tsx";
import { SecurityLogPage } from "./people/security-log-page.tsx";
import { UserPage, UsersPage } from "./people/users-page.tsx";
import { ProductPage } from "./stock/product-page.tsx";
import { ProductsPage } from "./stock/products-page.tsx";
import { ReservationPage, ReservationsPage } from "./stock/reservations-page.tsx";

/** With the charts, which only this page has. */
const NowPage = lazyChunk(async () => (await import("./now/now-page.tsx")).NowPage);

/** The pages, by their path below /console. One chunk has them: with one each, the shop's chunks would be more and larger. */
const pages = [
  { path: "", Page: NowPage },
  { path: "orders", Page: OrdersPage },
  { path: "orders/$id", Page: OrderPage },
  { path: "incidents", Page: IncidentsPage },
  { path: "incidents/$id", Page: IncidentPage },
  { path: "audits", Page: AuditsPage },
  { path: "audits/$id", Page: AuditPage },
  { path: "products", Page: ProductsPage },
  { path: "products/$id", Page: ProductPage },
  { path: "reservations", Page: ReservationsPage },
  { path: "reservations/$id", Page: ReservationPage },
  { path: "accounts", Page: AccountsPage },
  { path: "accounts/$customer/$currency", Page: AccountPage },
  { path: "journal", Page: JournalPage },
  { path: "journal/$id", Page: JournalEntryPage },
  { path: "payments", Page: PaymentsPage },
  { path: "payments/$id", Page: PaymentPage },
  { path: "refunds", Page: RefundsPage },
  { path: "disputes", Page: DisputesPage },
  { path: "webhooks", Page: WebhooksPage },
  { path: "webhooks/$id", Page: WebhookPage },
  { path: "deliveries", Page: DeliveriesPage },
  { path: "deliveries/$id", Page: DeliveryPage },
  { path: "feeds", Page: FeedsPage },
  { path: "feeds/$feed", Page: FeedPage },
  { path: "messages", Page: MessagesPage },
  { path: "messages/$id", Page: MessagePage },
  { path: "mailbox", Page: MailboxPage },
  { path: "mailbox/$id", Page: MailPage },
  { path: "templates", Page: TemplatesPage },
  { path: "templates/$event/$language", Page: TemplatePage },
  { path: "users", Page: UsersPage },
  { path: "users/$id", Page: UserPage },
  { path: "security-log", Page: SecurityLogPage },
  { path: "break", Page: BreakPage },
];

/** The console: its menu and the page of the address. */
export function ConsoleApp() {
  const text = useTexts(commonTexts);
  const { pathname } = useLocation();
  const found = matchPage(pages, pathname);
  return (
    <ConsoleLayout>
      {found === undefined ? (
        <Title order={1} size="h3">
          {text.noSuchPage}
        </Title>
      ) : (
        <PathPartsContext value={found.parts}>
          <Suspense fallback={<Loader size="sm" aria-label={text.readingPage} />}>
            {/* What is typed or open on the page of one thing is not for the next. */}
            <found.page.Page key={pathname} />
          </Suspense>
        </PathPartsContext>
      )}
    </ConsoleLayout>
  );
}

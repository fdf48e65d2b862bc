import type { Dashboard } from "../dashboard.ts";

export const business: Dashboard = {
  name: "business",
  title: "Sagacart: the shop",
  description: "Orders, carts, payments and stock: how many, and how they end.",
  rows: [
    {
      title: "Now",
      panels: [
        {
          title: "Orders a minute",
          kind: "stat",
          queries: { "": 'sum(rate(sagacart_order_moves_total{$in,state="PENDING"}[$rate])) * 60' },
        },
        {
          title: "Completed",
          about: "The share of orders that ended within the last hour.",
          kind: "stat",
          unit: "percentunit",
          queries: {
            "": 'sum(increase(sagacart_orders_ended_total{$in,state="COMPLETED"}[1h])) / sum(increase(sagacart_orders_ended_total{$in}[1h]))',
          },
        },
        { title: "In progress", kind: "stat", queries: { "": "sum(sagacart_orders{$in})" } },
        { title: "Stalled", kind: "stat", redFrom: 1, queries: { "": "sum(sagacart_orders_stalled{$in})" } },
        { title: "Incidents open", kind: "stat", redFrom: 1, queries: { "": "sum(sagacart_incidents_open{$in})" } },
        {
          title: "Laws broken",
          about: "According to the last audit.",
          kind: "stat",
          redFrom: 1,
          queries: { "": "sum(sagacart_audit_breaches{$in})" },
        },
      ],
    },
    {
      title: "Orders",
      panels: [
        {
          title: "Orders by state",
          about: "Orders in progress. The next panel counts those that ended.",
          stacked: true,
          width: 12,
          queries: { "{{state}}": "sum by (state) (sagacart_orders{$in})" },
        },
        {
          title: "Recorded and ended",
          kind: "bars",
          width: 12,
          queries: {
            recorded: 'sum(increase(sagacart_order_moves_total{$in,state="PENDING"}[$rate]))',
            "{{state}}": "sum by (state) (increase(sagacart_orders_ended_total{$in}[$rate]))",
          },
        },
        {
          title: "Refused, by reason",
          about: "OUT_OF_STOCK and PAYMENT_DECLINED are normal outcomes. FAILED is a fault of ours.",
          kind: "bars",
          queries: {
            "{{reason}}": 'sum by (reason) (increase(sagacart_orders_ended_total{$in,state!="COMPLETED"}[$rate]))',
          },
        },
        {
          title: "From recorded to completed",
          unit: "s",
          queries: {
            median:
              'histogram_quantile(0.5, sum by (le) (rate(sagacart_order_duration_seconds_bucket{$in,state="COMPLETED"}[$rate])))',
            "95 %":
              'histogram_quantile(0.95, sum by (le) (rate(sagacart_order_duration_seconds_bucket{$in,state="COMPLETED"}[$rate])))',
            "99 %":
              'histogram_quantile(0.99, sum by (le) (rate(sagacart_order_duration_seconds_bucket{$in,state="COMPLETED"}[$rate])))',
          },
        },
        {
          title: "Longest unchanged, by state",
          about: "Orders in AWAITING_PAYMENT wait for their customer.",
          unit: "s",
          queries: { "{{state}}": "max by (state) (sagacart_orders_unchanged_oldest_seconds{$in})" },
        },
      ],
    },
    {
      title: "Money and stock",
      panels: [
        {
          title: "Money held",
          about:
            "Minor units of orders in PAID or SHIPPING, and in CANCELLING, of which some were paid. It should follow the traffic, not grow.",
          stacked: true,
          queries: { "{{currency}} {{state}}": "sum by (currency, state) (sagacart_money_held_minor_units{$in})" },
        },
        {
          title: "Charges, by outcome",
          kind: "bars",
          queries: { "{{outcome}}": "sum by (outcome) (increase(payment_charges_total{$in}[$rate]))" },
        },
        {
          title: "Voids, by outcome",
          kind: "bars",
          queries: { "{{outcome}}": "sum by (outcome) (increase(payment_voids_total{$in}[$rate]))" },
        },
        {
          title: "Stock set aside",
          about: "Units by state: HELD (they may still expire) or PINNED (by the saga).",
          stacked: true,
          queries: { "{{state}}": "sum by (state) (sagacart_reserved_units{$in})" },
        },
        {
          title: "Reservations, by outcome",
          kind: "bars",
          queries: {
            "{{outcome}}": "sum by (outcome) (increase(stock_reservations_total{$in}[$rate]))",
            expired: "sum(increase(stock_reservations_expired_total{$in}[$rate]))",
          },
        },
        {
          title: "Pending refunds, payments and shipments",
          queries: {
            refunds: "sum(sagacart_refunds_pending{$in})",
            payments: "sum(sagacart_payments_pending{$in})",
            shipments: "sum(sagacart_shipments_pending{$in})",
          },
        },
      ],
    },
    {
      title: "Customers",
      panels: [
        {
          title: "Carts open",
          about: "Counted up to 100,000.",
          queries: { "{{owner}}": "sum by (owner) (sagacart_carts_open{$in})" },
        },
        {
          title: "Sign-ins",
          kind: "bars",
          queries: { "{{outcome}}": "sum by (outcome) (increase(identity_sign_ins_total{$in}[$rate]))" },
        },
        {
          title: "Mails and webhooks",
          queries: {
            "mails {{outcome}}": "sum by (outcome) (rate(notifier_mails_total{$in}[$rate]))",
            "webhooks {{outcome}}": "sum by (outcome) (rate(notifier_webhooks_total{$in}[$rate]))",
          },
        },
      ],
    },
  ],
};

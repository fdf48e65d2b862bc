import type { Dashboard } from "../dashboard.ts";

const signIns = 'event=~"session[.](started|confirmed|refreshed)|token[.]issued"';

export const security: Dashboard = {
  name: "security",
  title: "Sagacart: security",
  description: "Events of the security log: who was refused, who signed in, and what was done by hand.",
  variables: { app: "label_values(security_events_total{$in}, app)" },
  rows: [
    {
      title: "Now",
      panels: [
        {
          title: "Failed sign-ins within an hour",
          kind: "stat",
          queries: {
            "": 'sum(increase(security_events_total{$in,event=~"session[.](started|confirmed)",outcome="refused"}[1h]))',
          },
        },
        {
          title: "Tokens used twice within a day",
          kind: "stat",
          redFrom: 1,
          queries: {
            "": 'sum(increase(security_events_total{$in,event=~"refresh_token.reused|authorization_code.reused"}[1d]))',
          },
        },
        {
          title: "Lock-outs within an hour",
          kind: "stat",
          queries: { "": 'sum(increase(security_events_total{$in,event="lock_out.began"}[1h]))' },
        },
        {
          title: "Roles changed within a day",
          kind: "stat",
          queries: { "": 'sum(increase(security_events_total{$in,event="roles.changed",outcome="ok"}[1d]))' },
        },
        {
          title: "Money moved by hand within a day",
          kind: "stat",
          queries: { "": 'sum(increase(security_events_total{$in,event=~"money[.].+",outcome="ok"}[1d]))' },
        },
        {
          title: "Controls that fail",
          about: "Processes with a control that could not do its work within five minutes.",
          kind: "stat",
          redFrom: 1,
          queries: {
            "": 'count(sum by (app) (increase(security_events_total{$in,event="control.failed"}[5m])) > 0) or vector(0)',
          },
        },
      ],
    },
    {
      title: "Refused",
      panels: [
        {
          title: "Tokens and callers",
          about: "Bad tokens, and callers without the role.",
          kind: "bars",
          queries: {
            "{{app}} {{event}}":
              'sum by (app, event) (increase(security_events_total{$in,app=~"$app",event=~"(token|access).refused"}[$rate]))',
          },
        },
        {
          title: "Requests and connections",
          about: "Above a limit, too large, malformed, hostile.",
          kind: "bars",
          queries: {
            "{{app}} {{event}}":
              'sum by (app, event) (increase(security_events_total{$in,app=~"$app",event=~"request[.].+|connection.refused"}[$rate]))',
          },
        },
        {
          title: "TLS handshakes",
          kind: "bars",
          queries: {
            "{{app}}": 'sum by (app) (increase(security_events_total{$in,app=~"$app",event="tls.refused"}[$rate]))',
          },
        },
      ],
    },
    {
      title: "Accounts",
      panels: [
        {
          title: "Sign-ins, refreshes and tokens",
          kind: "bars",
          width: 12,
          queries: {
            "{{event}} {{outcome}}": `sum by (event, outcome) (increase(security_events_total{$in,${signIns}}[$rate]))`,
          },
        },
        {
          title: "Passwords, addresses, users",
          kind: "bars",
          width: 12,
          queries: {
            "{{event}} {{outcome}}":
              'sum by (event, outcome) (increase(security_events_total{$in,event=~"(password|email|user|customer|lock_out|roles)[.].+"}[$rate]))',
          },
        },
      ],
    },
    {
      title: "By hand",
      panels: [
        {
          title: "Money",
          kind: "bars",
          width: 12,
          queries: {
            "{{event}} {{outcome}}":
              'sum by (event, outcome) (increase(security_events_total{$in,event=~"money[.].+"}[$rate]))',
          },
        },
        {
          title: "Stock, orders, webhooks",
          kind: "bars",
          width: 12,
          queries: {
            "{{event}} {{outcome}}":
              'sum by (event, outcome) (increase(security_events_total{$in,event=~"(stock|products?|order|incident|shipment|webhook.*|template|message|consumer|carts)[.].+"}[$rate]))',
          },
        },
      ],
    },
  ],
};

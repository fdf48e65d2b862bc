import type { Dashboard } from "../dashboard.ts";

const failure = 'code=~"internal|unknown|data_loss|unavailable|deadline_exceeded|resource_exhausted"';

export const calls: Dashboard = {
  name: "calls",
  title: "Sagacart: calls",
  description: "The four golden signals of each service: latency, traffic, errors, saturation.",
  variables: { app: "label_values(rpc_server_in_flight{$in}, app)" },
  rows: [
    {
      title: "The gateway",
      panels: [
        {
          title: "Requests, by surface",
          unit: "reqps",
          queries: {
            "{{surface}}":
              'sum by (surface) (rate(http_server_duration_seconds_count{$in,app="gateway",surface!="probes"}[$rate]))',
          },
        },
        {
          title: "Latency, by surface, 95 %",
          unit: "s",
          queries: {
            "{{surface}}":
              'histogram_quantile(0.95, sum by (surface, le) (rate(http_server_duration_seconds_bucket{$in,app="gateway",surface!="probes"}[$rate])))',
          },
        },
        {
          title: "Responses with 4xx or 5xx",
          kind: "bars",
          queries: {
            "{{status}}":
              'sum by (status) (increase(http_server_duration_seconds_count{$in,app="gateway",status!~"[23].."}[$rate]))',
          },
        },
        {
          title: "The slowest routes, 95 %",
          unit: "s",
          width: 12,
          queries: {
            "{{method}} {{route}}":
              'topk(10, histogram_quantile(0.95, sum by (method, route, le) (rate(http_server_duration_seconds_bucket{$in,app="gateway",surface!="probes"}[$rate]))))',
          },
        },
        { title: "Requests in flight", width: 6, queries: { "": 'sum(http_server_in_flight{$in,app="gateway"})' } },
        {
          title: "Refused by rate limits",
          width: 6,
          kind: "bars",
          queries: {
            "{{counted}}": 'sum by (counted) (increase(http_server_limited_total{$in,app="gateway"}[$rate]))',
          },
        },
      ],
    },
    {
      title: "Calls received",
      panels: [
        {
          title: "Traffic",
          unit: "reqps",
          queries: { "{{app}}": 'sum by (app) (rate(rpc_server_duration_seconds_count{$in,app=~"$app"}[$rate]))' },
        },
        {
          title: "Errors of ours",
          unit: "percentunit",
          redFrom: 0.0144,
          queries: {
            // A service that has never failed has no series of failures.
            "{{app}}": `(sum by (app) (rate(rpc_server_duration_seconds_count{$in,app=~"$app",${failure}}[$rate])) or 0 * sum by (app) (rate(rpc_server_duration_seconds_count{$in,app=~"$app"}[$rate]))) / sum by (app) (rate(rpc_server_duration_seconds_count{$in,app=~"$app"}[$rate]))`,
          },
        },
        {
          title: "Latency, 99 %",
          about: "Without calls that wait on purpose: checkouts, claims, streams.",
          unit: "s",
          queries: {
            "{{app}}":
              'histogram_quantile(0.99, sum by (app, le) (rate(rpc_server_duration_seconds_bucket{$in,app=~"$app",rpc_method!~"Checkout|Watch.*|Subscribe.*|ClaimCommands"}[$rate])))',
          },
        },
        {
          title: "By method: traffic",
          unit: "reqps",
          width: 12,
          queries: {
            "{{rpc_method}}":
              'topk(15, sum by (rpc_method) (rate(rpc_server_duration_seconds_count{$in,app=~"$app"}[$rate])))',
          },
        },
        {
          title: "By method: latency, 95 %",
          unit: "s",
          width: 12,
          queries: {
            "{{rpc_method}}":
              'topk(15, histogram_quantile(0.95, sum by (rpc_method, le) (rate(rpc_server_duration_seconds_bucket{$in,app=~"$app"}[$rate]))))',
          },
        },
        {
          title: "By method and code: errors",
          kind: "bars",
          width: 12,
          queries: {
            "{{rpc_method}} {{code}}":
              'sum by (rpc_method, code) (increase(rpc_server_duration_seconds_count{$in,app=~"$app",code!="ok"}[$rate]))',
          },
        },
        {
          title: "Calls made: errors",
          kind: "bars",
          width: 12,
          queries: {
            "{{app}} → {{rpc_method}} {{code}}":
              'sum by (app, rpc_method, code) (increase(rpc_client_duration_seconds_count{$in,app=~"$app",code!="ok"}[$rate]))',
          },
        },
      ],
    },
    {
      title: "Saturation",
      panels: [
        {
          title: "Calls in flight",
          queries: {
            "{{app}} received": 'sum by (app) (rpc_server_in_flight{$in,app=~"$app"})',
            "{{app}} made": 'sum by (app) (rpc_client_in_flight{$in,app=~"$app"})',
          },
        },
        {
          title: "Event loop in use",
          unit: "percentunit",
          redFrom: 0.95,
          queries: { "{{app}}": 'max by (app) (nodejs_eventloop_utilization{$in,app=~"$app"})' },
        },
        {
          title: "Event loop lag, 99 %",
          unit: "s",
          queries: { "{{app}}": 'max by (app) (nodejs_eventloop_lag_p99_seconds{$in,app=~"$app"})' },
        },
        {
          title: "Database connections in use",
          unit: "percentunit",
          redFrom: 1,
          queries: {
            "{{app}}":
              'max by (app) ((postgres_pool_connections{$in,app=~"$app"} - postgres_pool_idle{$in,app=~"$app"}) / postgres_pool_limit{$in,app=~"$app"})',
          },
        },
        {
          title: "Waits for a database connection, 95 %",
          unit: "s",
          queries: {
            "{{app}}":
              'histogram_quantile(0.95, sum by (app, le) (rate(postgres_pool_wait_seconds_bucket{$in,app=~"$app"}[$rate])))',
          },
        },
        {
          title: "Memory",
          unit: "bytes",
          queries: { "{{app}}": 'max by (app) (process_resident_memory_bytes{$in,app=~"$app"})' },
        },
        {
          title: "CPU",
          about: "Processors in use.",
          queries: { "{{app}}": 'sum by (app) (rate(process_cpu_seconds_total{$in,app=~"$app"}[$rate]))' },
        },
        {
          title: "Ready processes",
          queries: { "{{app}}": 'sum by (app) (sagacart_ready{$in,app=~"$app"})' },
        },
        {
          title: "Failed rounds of background loops",
          kind: "bars",
          queries: {
            "{{app}} {{loop}}": 'sum by (app, loop) (increase(sagacart_loop_failures_total{$in,app=~"$app"}[$rate]))',
          },
        },
      ],
    },
  ],
};

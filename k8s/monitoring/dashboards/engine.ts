import type { Dashboard } from "../dashboard.ts";

export const engine: Dashboard = {
  name: "engine",
  title: "Sagacart: the engine",
  description: "The saga: outboxes, batches, steps, Temporal, feeds, and external providers.",
  rows: [
    {
      title: "Outboxes",
      panels: [
        {
          title: "Waiting commands",
          about: "Recorded, but not yet claimed by a worker.",
          stacked: true,
          queries: { "{{app}} {{kind}}": "sum by (app, kind) (sagacart_commands_waiting{$in})" },
        },
        {
          title: "Oldest waiting command",
          unit: "s",
          redFrom: 60,
          queries: { "{{app}} {{kind}}": "max by (app, kind) (sagacart_commands_waiting_oldest_seconds{$in})" },
        },
        {
          title: "From recorded to claimed, 95 %",
          about: "Measured for the oldest command of each claim.",
          unit: "s",
          queries: {
            "{{kind}}":
              "histogram_quantile(0.95, sum by (kind, le) (rate(sagacart_command_wait_seconds_bucket{$in}[$rate])))",
          },
        },
        {
          title: "Events a second, by feed",
          queries: { "{{app}}": "sum by (app) (deriv(sagacart_events_head_position{$in}[5m]))" },
        },
        {
          title: "Oldest event not yet in its feed",
          unit: "s",
          redFrom: 30,
          queries: { "{{app}}": "max by (app) (sagacart_events_unsequenced_oldest_seconds{$in})" },
        },
        {
          title: "Lag of consumers",
          unit: "s",
          redFrom: 300,
          queries: { "{{consumer}} of {{app}}": "max by (app, consumer) (event_consumer_lag_seconds{$in})" },
        },
      ],
    },
    {
      title: "Batches",
      panels: [
        {
          title: "Orders in a batch",
          about: "Should be small at low load and large at high load.",
          queries: {
            mean: "sum(rate(sagacart_batch_orders_sum{$in}[$rate])) / sum(rate(sagacart_batch_orders_count{$in}[$rate]))",
            "95 %": "histogram_quantile(0.95, sum by (le) (rate(sagacart_batch_orders_bucket{$in}[$rate])))",
          },
        },
        {
          title: "Batches in progress",
          queries: {
            "in progress": "sum(sagacart_batches_under_way{$in})",
            limit: "sum(sagacart_batches_limit{$in})",
          },
        },
        {
          title: "Duration of batches",
          unit: "s",
          queries: {
            "start, 95 %":
              "histogram_quantile(0.95, sum by (le) (rate(sagacart_batch_start_seconds_bucket{$in}[$rate])))",
            median: "histogram_quantile(0.5, sum by (le) (rate(sagacart_batch_duration_seconds_bucket{$in}[$rate])))",
            "95 %": "histogram_quantile(0.95, sum by (le) (rate(sagacart_batch_duration_seconds_bucket{$in}[$rate])))",
          },
        },
      ],
    },
    {
      title: "Steps of the saga",
      panels: [
        {
          title: "Duration of steps, 95 %",
          unit: "s",
          queries: {
            "{{step}}":
              'histogram_quantile(0.95, sum by (step, le) (rate(sagacart_saga_step_duration_seconds_bucket{$in,outcome="done"}[$rate])))',
          },
        },
        {
          title: "Failed attempts",
          about: "busy: a service is down or slow, and the step is retried. bad: a permanent error, usually a bug.",
          kind: "bars",
          queries: {
            "{{step}} {{outcome}}":
              'sum by (step, outcome) (increase(sagacart_saga_step_duration_seconds_count{$in,outcome!="done"}[$rate]))',
          },
        },
        {
          title: "Next action of orders after a step",
          queries: { "{{step}}: {{next}}": "sum by (step, next) (rate(sagacart_saga_step_orders_total{$in}[$rate]))" },
        },
        {
          title: "Incidents open",
          redFrom: 1,
          stacked: true,
          queries: { "{{step}}": "sum by (step) (sagacart_incidents_open{$in})" },
        },
        {
          title: "Commands delivered to workflows",
          queries: {
            "{{kind}} {{outcome}}": "sum by (kind, outcome) (rate(sagacart_commands_brought_total{$in}[$rate]))",
          },
        },
        {
          title: "Orders given a new workflow, failed batches",
          kind: "bars",
          queries: {
            restarted: "sum(increase(sagacart_orders_restarted_total{$in}[$rate]))",
            "batches failed": 'sum(increase(sagacart_batch_duration_seconds_count{$in,outcome="failed"}[$rate]))',
          },
        },
      ],
    },
    {
      title: "Temporal",
      panels: [
        {
          title: "Pollers, and workers in use",
          queries: {
            "{{poller_type}}": 'sum by (poller_type) (temporal_num_pollers{$in,app="worker"})',
            "workers of a version in use": "sum(sagacart_worker_in_use{$in})",
          },
        },
        {
          title: "Free slots",
          queries: {
            "{{worker_type}}": 'sum by (worker_type) (temporal_worker_task_slots_available{$in,app="worker"})',
          },
        },
        {
          title: "Waits of workflow tasks for a worker, 95 %",
          unit: "s",
          queries: {
            "95 %":
              'histogram_quantile(0.95, sum by (le) (rate(temporal_workflow_task_schedule_to_start_latency_seconds_bucket{$in,app="worker"}[$rate])))',
          },
        },
        {
          title: "Workflows that ended",
          queries: {
            "{{workflow_type}} completed":
              'sum by (workflow_type) (rate(temporal_workflow_completed_total{$in,app="worker"}[$rate]))',
            "{{workflow_type}} failed":
              'sum by (workflow_type) (rate(temporal_workflow_failed_total{$in,app="worker"}[$rate]))',
          },
        },
        {
          title: "Requests to Temporal, 95 %",
          unit: "s",
          queries: {
            "{{operation}}":
              'histogram_quantile(0.95, sum by (operation, le) (rate(temporal_request_latency_seconds_bucket{$in,app="worker"}[$rate])))',
          },
        },
        {
          title: "Failed requests to Temporal",
          kind: "bars",
          queries: {
            "{{operation}} {{status_code}}":
              'sum by (operation, status_code) (increase(temporal_request_failure_total{$in,app="worker"}[$rate]))',
          },
        },
      ],
    },
    {
      title: "External providers",
      panels: [
        {
          title: "Card provider: calls, by answer",
          kind: "bars",
          queries: {
            "{{kind}} {{answer}}":
              "sum by (kind, answer) (increase(payment_provider_call_duration_seconds_count{$in}[$rate]))",
          },
        },
        {
          title: "Carrier: calls, by answer",
          kind: "bars",
          queries: {
            "{{kind}} {{answer}}":
              "sum by (kind, answer) (increase(shipping_carrier_call_duration_seconds_count{$in}[$rate]))",
          },
        },
        {
          title: "Duration of calls, 95 %",
          unit: "s",
          queries: {
            "card provider, {{kind}}":
              "histogram_quantile(0.95, sum by (kind, le) (rate(payment_provider_call_duration_seconds_bucket{$in}[$rate])))",
            "carrier, {{kind}}":
              "histogram_quantile(0.95, sum by (kind, le) (rate(shipping_carrier_call_duration_seconds_bucket{$in}[$rate])))",
          },
        },
        {
          title: "Oldest webhook not yet applied",
          unit: "s",
          queries: { "{{app}}": "max by (app) (sagacart_webhook_inbox_oldest_seconds{$in})" },
        },
        {
          title: "Parked webhooks",
          queries: { "{{app}}": "max by (app) (sagacart_webhook_inbox_parked{$in})" },
        },
        {
          title: "Oldest waiting mail and webhook of ours",
          unit: "s",
          queries: {
            "oldest mail": "max(notifier_mail_oldest_pending_seconds{$in})",
            "oldest webhook": "max(notifier_webhook_oldest_pending_seconds{$in})",
          },
        },
        {
          title: "Dead letters and paused endpoints",
          queries: {
            "dead letters": "sum(sagacart_webhook_dead_letters{$in})",
            "paused endpoints": "max(notifier_webhook_circuits_open{$in})",
          },
        },
      ],
    },
  ],
};

import type { Dashboard } from "../dashboard.ts";

const cluster = (metric: string) => `label_replace(${metric}, "cluster", "$1", "pod", "(.+)-\\\\d+")`;

export const postgres: Dashboard = {
  name: "postgres",
  title: "Sagacart: Postgres",
  description: "CloudNativePG clusters, from the metrics of their instances. Empty with other databases.",
  rows: [
    {
      title: "Clusters",
      panels: [
        {
          title: "Instances up",
          queries: { "{{cluster}}": `sum by (cluster) (${cluster("cnpg_collector_up{$in}")})` },
        },
        {
          title: "Primaries",
          about: "One for each cluster. Two, or none for more than a moment, is an incident.",
          queries: {
            "{{cluster}}": `sum by (cluster) (${cluster("cnpg_pg_replication_in_recovery{$in}")} == bool 0)`,
          },
        },
        {
          title: "Lag of standbys",
          unit: "s",
          redFrom: 30,
          queries: { "{{pod}}": "max by (pod) (cnpg_pg_replication_lag{$in})" },
        },
        {
          title: "Last good backup",
          about: "Age of the last successful backup, from the barman plugin.",
          unit: "s",
          redFrom: 129_600,
          queries: {
            "{{pod}}":
              "time() - max by (pod) (barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{$in} > 0)",
          },
        },
        {
          title: "Time since WAL was archived",
          unit: "s",
          queries: { "{{pod}}": "max by (pod) (cnpg_pg_stat_archiver_seconds_since_last_archival{$in})" },
        },
        {
          title: "WAL on disk",
          unit: "bytes",
          queries: { "{{pod}}": 'max by (pod) (cnpg_collector_pg_wal{$in,value="size"})' },
        },
      ],
    },
    {
      title: "Load",
      panels: [
        {
          title: "Transactions a second",
          queries: {
            "{{datname}} committed":
              'sum by (datname) (rate(cnpg_pg_stat_database_xact_commit{$in,datname!~"template.*|postgres"}[$rate]))',
            "{{datname}} rolled back":
              'sum by (datname) (rate(cnpg_pg_stat_database_xact_rollback{$in,datname!~"template.*|postgres"}[$rate]))',
          },
        },
        {
          title: "Connections",
          stacked: true,
          queries: { "{{datname}} {{state}}": "sum by (datname, state) (cnpg_backends_total{$in})" },
        },
        {
          title: "Longest transaction",
          unit: "s",
          redFrom: 300,
          queries: { "{{datname}}": "max by (datname) (cnpg_backends_max_tx_duration_seconds{$in})" },
        },
        {
          title: "Buffer cache hit ratio",
          unit: "percentunit",
          queries: {
            "{{datname}}":
              'sum by (datname) (rate(cnpg_pg_stat_database_blks_hit{$in,datname!~"template.*|postgres"}[$rate])) / (sum by (datname) (rate(cnpg_pg_stat_database_blks_hit{$in,datname!~"template.*|postgres"}[$rate])) + sum by (datname) (rate(cnpg_pg_stat_database_blks_read{$in,datname!~"template.*|postgres"}[$rate])))',
          },
        },
        {
          title: "Size",
          unit: "bytes",
          queries: {
            "{{datname}}": 'max by (datname) (cnpg_pg_database_size_bytes{$in,datname!~"template.*|postgres"})',
          },
        },
        {
          title: "Deadlocks, and backends waiting for locks",
          queries: {
            "{{datname}} deadlocks": "sum by (datname) (increase(cnpg_pg_stat_database_deadlocks{$in}[$rate]))",
            "{{pod}} waiting": "max by (pod) (cnpg_backends_waiting_total{$in})",
          },
        },
      ],
    },
  ],
};

/**
 * Metrics that are not ours, with their exporters and labels. Versions: CloudNativePG 1.30 (its default queries and
 * collector), its barman-cloud plugin 0.15 and cert-manager 1.21.
 */
export const others: Readonly<Record<string, { readonly by: string; readonly labels: readonly string[] }>> = {
  ...exportedBy("CloudNativePG", {
    cnpg_collector_up: ["cluster"],
    cnpg_collector_pg_wal: ["value"],
    cnpg_backends_total: ["datname", "usename", "application_name", "state"],
    cnpg_backends_waiting_total: [],
    cnpg_backends_max_tx_duration_seconds: ["datname", "usename", "application_name", "state"],
    cnpg_pg_database_size_bytes: ["datname"],
    cnpg_pg_settings_setting: ["name"],
    cnpg_pg_replication_in_recovery: [],
    cnpg_pg_replication_lag: [],
    cnpg_pg_replication_streaming_replicas: [],
    cnpg_pg_stat_archiver_last_archived_time: [],
    cnpg_pg_stat_archiver_last_failed_time: [],
    cnpg_pg_stat_archiver_seconds_since_last_archival: [],
    cnpg_pg_stat_database_xact_commit: ["datname"],
    cnpg_pg_stat_database_xact_rollback: ["datname"],
    cnpg_pg_stat_database_blks_hit: ["datname"],
    cnpg_pg_stat_database_blks_read: ["datname"],
    cnpg_pg_stat_database_deadlocks: ["datname"],
  }),
  ...exportedBy("CloudNativePG's barman-cloud plugin", {
    barman_cloud_cloudnative_pg_io_last_available_backup_timestamp: [],
    barman_cloud_cloudnative_pg_io_last_failed_backup_timestamp: [],
  }),
  ...exportedBy("cert-manager", {
    certmanager_certificate_expiration_timestamp_seconds: ["name", "namespace"],
    certmanager_certificate_ready_status: ["name", "namespace", "condition"],
  }),
  ...exportedBy("kube-state-metrics", {
    kube_job_status_failed: ["job_name"],
    kube_cronjob_status_last_successful_time: ["cronjob"],
    kube_pod_container_status_restarts_total: ["pod", "container"],
    kube_deployment_status_replicas_available: ["deployment"],
    kube_deployment_spec_replicas: ["deployment"],
    kube_horizontalpodautoscaler_status_current_replicas: ["horizontalpodautoscaler"],
    kube_horizontalpodautoscaler_spec_max_replicas: ["horizontalpodautoscaler"],
  }),
  ...exportedBy("the kubelet", {
    kubelet_volume_stats_used_bytes: ["persistentvolumeclaim"],
    kubelet_volume_stats_capacity_bytes: ["persistentvolumeclaim"],
  }),
};

/** Metrics that the worker exposes only after a first failure: Temporal's SDK creates a series at the first event. */
export const onlyAfterFailures: ReadonlySet<string> = new Set([
  "temporal_workflow_failed_total",
  "temporal_request_failure_total",
]);

function exportedBy(by: string, metrics: Readonly<Record<string, readonly string[]>>) {
  return Object.fromEntries(Object.entries(metrics).map(([metric, labels]) => [metric, { by, labels }]));
}

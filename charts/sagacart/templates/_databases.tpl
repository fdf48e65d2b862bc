{{/*
Databases: one CloudNativePG Cluster for each service without a database.existingSecret.name.
*/}}

{{/* The services whose database the operator creates, as a JSON list. */}}
{{- define "sagacart.databases.names" -}}
{{- $names := list -}}
{{- if .Values.databases.enabled -}}
{{- range $name := include "sagacart.services.withDatabase" . | fromJsonArray -}}
{{- $service := get $.Values $name | default dict -}}
{{- $given := dig "database" "existingSecret" "name" "" $service -}}
{{- $cluster := include "sagacart.databases.cluster" (list $ $name) -}}
{{- if and (ne (get $service "enabled") false) (has $given (list "" (printf "%s-serving" $cluster) (printf "%s-app" $cluster))) -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end }}

{{/* The name of a service's Cluster. Arguments: (list $ "order"). */}}
{{- define "sagacart.databases.cluster" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- dig "database" "clusterName" "" (get $root.Values $name | default dict) | default (printf "%s-%s-db" $root.Release.Name $name) -}}
{{- end }}

{{/*
The defaults of a size. `databases.cluster` overrides them for all services, `databases.services.<name>` for one.

laptop: Postgres uses about 60 MiB; the rest of the limit is for the operator's instance manager and for sorting.
small, production: a primary and two standbys, of which one has every commit before the caller has its answer; when both are away,
writes wait, which is what an order that must not be forgotten asks for.
*/}}
{{- define "sagacart.databases.size" -}}
{{- if eq .Values.databases.size "laptop" -}}
instances: 1
enablePDB: false
storage: { size: 2Gi }
parameters:
  max_connections: "100"
  shared_buffers: 32MB
  max_wal_size: 512MB
  wal_keep_size: 64MB
  max_slot_wal_keep_size: 512MB
  jit: "off"
  # No values of rows and parameters in the log: they may be personal.
  log_parameter_max_length: "0"
  log_error_verbosity: terse
# Tolerant, because a busy machine is no reason to restart a database.
probes:
  liveness: { timeoutSeconds: 10, failureThreshold: 12 }
  readiness: { timeoutSeconds: 10 }
resources:
  requests: { cpu: 20m, memory: 128Mi }
  limits: { memory: 512Mi }
{{- else if eq .Values.databases.size "small" -}}
instances: 3
enablePDB: true
synchronous: { method: any, number: 1, failoverQuorum: true, dataDurability: required }
storage: { size: 10Gi }
walStorage: { size: 10Gi }
parameters:
  max_connections: "200"
  shared_buffers: 192MB
  effective_cache_size: 512MB
  max_wal_size: 2GB
  max_slot_wal_keep_size: 5GB
  wal_compression: lz4
  random_page_cost: "1.1"
  log_min_duration_statement: 1s
  jit: "off"
  # No values of rows and parameters in the log: they may be personal.
  log_parameter_max_length: "0"
  log_error_verbosity: terse
resources:
  requests: { cpu: 100m, memory: 768Mi }
  limits: { memory: 768Mi }
{{- else if eq .Values.databases.size "production" -}}
instances: 3
enablePDB: true
synchronous: { method: any, number: 1, failoverQuorum: true, dataDurability: required }
storage: { size: 50Gi }
walStorage: { size: 20Gi }
parameters:
  max_connections: "300"
  shared_buffers: 1GB
  effective_cache_size: 3GB
  maintenance_work_mem: 256MB
  max_wal_size: 8GB
  max_slot_wal_keep_size: 10GB
  wal_compression: lz4
  random_page_cost: "1.1"
  log_min_duration_statement: 1s
  # No values of rows and parameters in the log: they may be personal.
  log_parameter_max_length: "0"
  log_error_verbosity: terse
  pg_stat_statements.max: "5000"
  jit: "off"
resources:
  requests: { cpu: "1", memory: 4Gi }
  limits: { memory: 4Gi }
{{- else -}}
{{- fail (printf "databases.size is %q: it must be laptop, small or production." .Values.databases.size) -}}
{{- end -}}
{{- end }}

{{/* The settings of one service's Cluster, as JSON: the size, overridden by databases.cluster and by databases.services. */}}
{{- define "sagacart.databases.settings" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
{{- $settings := include "sagacart.databases.size" $root | fromYaml -}}
{{- range $above := list ($root.Values.databases.cluster | default dict) (get ($root.Values.databases.services | default dict) $name | default dict) -}}
{{- $settings = include "sagacart.overridden" (list $settings $above) | fromJson -}}
{{- end -}}
{{- toJson $settings -}}
{{- end }}

{{/* Two maps as one, as JSON: maps in them are merged, anything else of the second overrides. `mergeOverwrite` ignores false and 0. */}}
{{- define "sagacart.overridden" -}}
{{- $merged := deepCopy (index . 0) -}}
{{- range $key, $value := index . 1 -}}
{{- $below := get $merged $key -}}
{{- if and (kindIs "map" $value) (kindIs "map" $below) -}}
{{- $_ := set $merged $key (include "sagacart.overridden" (list $below $value) | fromJson) -}}
{{- else if kindIs "invalid" $value -}}
{{- $_ := unset $merged $key -}}
{{- else -}}
{{- $_ := set $merged $key $value -}}
{{- end -}}
{{- end -}}
{{- toJson $merged -}}
{{- end }}

{{- define "sagacart.databases.labels" -}}
{{- $root := index . 0 -}}
{{- $name := index . 1 -}}
app.kubernetes.io/name: {{ $name }}-db
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: database
app.kubernetes.io/part-of: sagacart
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The Secret with the audit role's user name and password. */}}
{{- define "sagacart.databases.auditSecret" -}}
{{- .Values.databases.audit.existingSecret | default (printf "%s-audit" .Release.Name) -}}
{{- end }}

{{/* Keeps the data on `helm uninstall`, and when a value is changed by mistake. */}}
{{- define "sagacart.databases.keep" -}}
{{- if .Values.databases.keep }}
annotations:
  helm.sh/resource-policy: keep
{{- end }}
{{- end }}

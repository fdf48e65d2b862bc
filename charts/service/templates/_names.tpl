{{/* The service's name, for example order. */}}
{{- define "service.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of its objects, for example sagacart-order. */}}
{{- define "service.fullname" -}}
{{- .Values.fullnameOverride | default (printf "%s-%s" .Release.Name (include "service.name" .)) | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{/* What the charts know of this service, as JSON: its row in _table.tpl, and {} of a service that is not the shop's. */}}
{{- define "service.part" -}}
{{- get (include "service.table" . | fromJson) (include "service.name" .) | default dict | toJson -}}
{{- end -}}

{{- define "service.selectorLabels" -}}
app.kubernetes.io/name: {{ include "service.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "service.labels" -}}
{{ include "service.selectorLabels" . }}
app.kubernetes.io/component: service
app.kubernetes.io/part-of: sagacart
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{/* Without the chart's version: a new chart with the same image restarts no pods. */}}
{{- define "service.podLabels" -}}
{{ include "service.selectorLabels" . }}
app.kubernetes.io/component: service
app.kubernetes.io/part-of: sagacart
{{- end -}}

{{- define "service.image" -}}
{{- $image := .Values.image -}}
{{- $repository := $image.repository | default (printf "sagacart/%s" (include "service.name" .)) -}}
{{- $name := list .Values.global.image.registry $repository | compact | join "/" -}}
{{- if $image.digest -}}
{{ $name }}@{{ $image.digest }}
{{- else -}}
{{ $name }}:{{ $image.tag | default .Values.global.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* The port of metrics and probes. */}}
{{- define "service.adminPort" -}}
{{- add .Values.port 1000 -}}
{{- end -}}

{{/* Where pods run, of these values: priorityClassName, nodeSelector, affinity, tolerations. */}}
{{- define "service.scheduling" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* "true" if its port uses TLS, else empty. */}}
{{- define "service.servesTls" -}}
{{- if and .Values.global.tls.enabled .Values.tls.serve -}}true{{- end -}}
{{- end -}}

{{/* The URL of identity's OpenID Connect. */}}
{{- define "service.identityUrl" -}}
{{- printf "%s://%s-identity:8096" (ternary "https" "http" .Values.global.tls.enabled) .Release.Name -}}
{{- end -}}

{{/* The issuer of the certificates: the release's own CA, or an existing one. */}}
{{- define "service.issuerRef" -}}
{{- $issuer := .Values.global.tls.issuer -}}
name: {{ $issuer.name | default (printf "%s-ca" .Release.Name) }}
kind: {{ ternary $issuer.kind "Issuer" (ne $issuer.name "") }}
group: {{ ternary $issuer.group "cert-manager.io" (ne $issuer.name "") }}
{{- end -}}

{{- define "service.secretName" -}}
{{- .Values.secret.existingSecret | default (include "service.fullname" .) -}}
{{- end -}}

{{/* The keys of its Secret that are mounted: a YAML list below `keys`. */}}
{{- define "service.secretKeys" -}}
{{- $context := . -}}
{{- $keys := list -}}
{{- range $key, $wanted := .Values.secret.keys -}}
{{- $said := trim (tpl (toString $wanted) $context) -}}
{{- if eq $said "true" -}}
{{- $keys = append $keys $key -}}
{{- else if ne $said "false" -}}
{{- fail (printf "%s.secret.keys.%s must be true or false. Values never contain secrets: put the secret into the Secret %s." (include "service.name" $context) $key (include "service.secretName" $context)) -}}
{{- end -}}
{{- end -}}
keys: {{ toJson $keys }}
{{- end -}}

{{/* The name of its CloudNativePG Cluster. */}}
{{- define "service.databaseCluster" -}}
{{- .Values.database.clusterName | default (printf "%s-db" (include "service.fullname" .)) -}}
{{- end -}}

{{/* The Secret with the URL that the service connects with. */}}
{{- define "service.databaseSecret" -}}
{{- .Values.database.existingSecret.name | default (printf "%s-serving" (include "service.databaseCluster" .)) -}}
{{- end -}}

{{/* The Secret with the URL of the database's owner, for the migrations. Empty: the service connects as the owner. */}}
{{- define "service.databaseOwnerSecret" -}}
{{- $database := .Values.database -}}
{{- if $database.ownerSecret.name -}}
{{- $database.ownerSecret.name -}}
{{- else if not $database.existingSecret.name -}}
{{- printf "%s-app" (include "service.databaseCluster" .) -}}
{{- end -}}
{{- end -}}

{{/* "true" if the pod's init container migrates as the owner, with a URL that the service does not get. */}}
{{- define "service.migratesAsOwner" -}}
{{- if and .Values.database.enabled .Values.migrations.enabled (include "service.databaseOwnerSecret" .) -}}true{{- end -}}
{{- end -}}

{{/* "true" if its database is the Cluster of that name, else empty. */}}
{{- define "service.hasOwnCluster" -}}
{{- $cluster := include "service.databaseCluster" . -}}
{{- if has (include "service.databaseSecret" .) (list (printf "%s-serving" $cluster) (printf "%s-app" $cluster)) -}}true{{- end -}}
{{- end -}}

{{/* The Secret with the CA of its database, or empty. */}}
{{- define "service.databaseCaSecret" -}}
{{- $database := .Values.database -}}
{{- if $database.enabled -}}
{{- if $database.caSecret.name -}}
{{- $database.caSecret.name -}}
{{- else if and .Values.global.tls.enabled (include "service.hasOwnCluster" .) -}}
{{- printf "%s-ca" (include "service.databaseCluster" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* "true" if a choice is always, or auto and the cluster has the API; else empty. */}}
{{- define "service.wants" -}}
{{- if or (eq .choice "always") (and (eq .choice "auto") (.context.Capabilities.APIVersions.Has .api)) -}}true{{- end -}}
{{- end -}}

{{/* The load balancer's times in seconds, with the kind's usual ones where there is none: a YAML map. */}}
{{- define "service.loadBalancer" -}}
{{- $balancer := .Values.loadBalancer -}}
{{- $usual := get (dict
  "none" (dict "idle" 60 "deregistration" 0)
  "alb" (dict "idle" 60 "deregistration" 30)
  "gke" (dict "idle" 600 "deregistration" 60)
  "agc" (dict "idle" 300 "deregistration" 30)
  "istio" (dict "idle" 300 "deregistration" 0)
  "nginx" (dict "idle" 60 "deregistration" 0)
) $balancer.kind -}}
idle: {{ $balancer.idleTimeoutSeconds | default $usual.idle | int }}
deregistration: {{ $balancer.deregistrationSeconds | default $usual.deregistration | int }}
stream: {{ int $balancer.streamSeconds }}
{{- end -}}

{{/* How long a pod serves after SIGTERM before it drains, in ms. */}}
{{- define "service.shutdownDelayMs" -}}
{{- max (int64 .Values.drain.delayMs) (mul 1000 (include "service.loadBalancer" . | fromYaml).deregistration) -}}
{{- end -}}

{{/* The annotations of its Ingress: those of the load balancer's kind, below the given ones. */}}
{{- define "service.ingressAnnotations" -}}
{{- $times := include "service.loadBalancer" . | fromYaml -}}
{{- $https := eq (include "service.servesTls" .) "true" -}}
{{- $annotations := dict -}}
{{- if eq .Values.loadBalancer.kind "alb" -}}
{{- $prefix := "alb.ingress.kubernetes.io" -}}
{{- $annotations = dict
  (printf "%s/healthcheck-path" $prefix) "/ready"
  (printf "%s/healthcheck-protocol" $prefix) (ternary "HTTPS" "HTTP" $https)
  (printf "%s/backend-protocol" $prefix) (ternary "HTTPS" "HTTP" $https)
  (printf "%s/healthcheck-interval-seconds" $prefix) "5"
  (printf "%s/healthcheck-timeout-seconds" $prefix) "4"
  (printf "%s/healthy-threshold-count" $prefix) "2"
  (printf "%s/unhealthy-threshold-count" $prefix) "2"
  (printf "%s/success-codes" $prefix) "200"
  (printf "%s/load-balancer-attributes" $prefix) (printf "idle_timeout.timeout_seconds=%d" (int $times.idle))
  (printf "%s/target-group-attributes" $prefix) (printf "deregistration_delay.timeout_seconds=%d" (int $times.deregistration))
-}}
{{- else if eq .Values.loadBalancer.kind "nginx" -}}
{{- $prefix := "nginx.ingress.kubernetes.io" -}}
{{- $annotations = dict
  (printf "%s/backend-protocol" $prefix) (ternary "HTTPS" "HTTP" $https)
  (printf "%s/proxy-read-timeout" $prefix) (int $times.stream | toString)
  (printf "%s/proxy-send-timeout" $prefix) (int $times.stream | toString)
  (printf "%s/proxy-buffering" $prefix) "off"
-}}
{{- end -}}
{{- with merge (dict) .Values.ingress.annotations $annotations -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}

{{/*
"true" if spans go by HTTPS to a collector inside of the cluster, whose certificate is then of the cluster's CA alone, as for
every host inside: a name without dots, or of a Service with its namespace.
*/}}
{{- define "service.collectorIsInside" -}}
{{- if .Values.global.tls.enabled -}}
{{- $url := urlParse (default "" .Values.global.otel.endpoint) -}}
{{- $host := regexReplaceAll ":[0-9]+$" (get $url "host") "" -}}
{{- if and (eq (get $url "scheme") "https") (or (not (contains "." $host)) (regexMatch "[.]svc([.]|$)" $host)) -}}true{{- end -}}
{{- end -}}
{{- end -}}

{{/* The scheme of probes on the admin port. */}}
{{- define "service.probeScheme" -}}
{{- ternary "HTTPS" "HTTP" .Values.global.tls.enabled -}}
{{- end -}}

{{/*
The fields of a monitor's endpoint for metrics over TLS: its CA from a Secret, and the name in the certificate. Empty without
global.tls. Arguments: secret, name, context.
*/}}
{{- define "service.scrapeTls" -}}
{{- if .context.Values.global.tls.enabled -}}
scheme: https
tlsConfig:
  ca:
    secret: {name: {{ .secret }}, key: ca.crt}
  serverName: {{ .name }}
{{- end -}}
{{- end -}}

{{/*
The worker's pod, for a plain Deployment and for the Worker Controller, and its ConfigMap and autoscaler.
*/}}

{{- define "sagacart.worker.name" -}}
{{ .Release.Name }}-worker
{{- end }}

{{- define "sagacart.worker.selector" -}}
app.kubernetes.io/name: worker
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "sagacart.worker.labels" -}}
{{ include "sagacart.worker.selector" . }}
app.kubernetes.io/component: worker
app.kubernetes.io/part-of: sagacart
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "sagacart.worker.image" -}}
{{- $image := .Values.worker.image -}}
{{- $global := .Values.global.image | default dict -}}
{{- $repository := $image.repository | default "sagacart/worker" -}}
{{- with $global.registry }}{{ $repository = printf "%s/%s" (trimSuffix "/" .) $repository }}{{ end -}}
{{- if $image.digest -}}
{{ $repository }}@{{ $image.digest }}
{{- else -}}
{{ $repository }}:{{ $image.tag | default $global.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "sagacart.worker.secret" -}}
{{- .Values.worker.existingSecret | default (include "sagacart.worker.name" .) -}}
{{- end }}

{{/* Temporal's frontend, host:port. */}}
{{- define "sagacart.temporal.address" -}}
{{- .Values.temporal.address | default "temporal-frontend.temporal.svc.cluster.local:7233" -}}
{{- end }}

{{/* Metadata of the pod. A change creates a new version under the Worker Controller, so it holds only what it must. */}}
{{- define "sagacart.worker.podMetadata" -}}
labels:
  {{- include "sagacart.worker.selector" . | nindent 2 }}
  app.kubernetes.io/component: worker
  app.kubernetes.io/part-of: sagacart
  {{- with .Values.worker.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- if or .Values.worker.secretRevision .Values.worker.podAnnotations }}
annotations:
  {{- with .Values.worker.secretRevision }}
  sagacart.dev/secret-revision: {{ . | quote }}
  {{- end }}
  {{- with .Values.worker.podAnnotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "sagacart.worker.podSpec" -}}
{{- $worker := .Values.worker }}
{{- $global := .Values.global | default dict }}
{{- $tls := dig "tls" "enabled" false $global }}
{{- $otel := $global.otel | default dict }}
{{- $controller := eq $worker.mode "controller" }}
{{- $drainSeconds := divf $worker.drainTimeoutMs 1000 | ceil | int -}}
automountServiceAccountToken: false
serviceAccountName: {{ include "sagacart.worker.name" . }}
enableServiceLinks: false
# The drain timeout twice: for running batches, then the SDK's for its activities.
terminationGracePeriodSeconds: {{ add (mul 2 $drainSeconds) 10 }}
{{- with dig "image" "pullSecrets" list $global }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- include "service.podSecurityContext" (list . $worker.podSecurityContext) | nindent 2 }}
{{- include "service.scheduling" $worker }}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "sagacart.worker.selector" $ | nindent 8 }}
  {{- end }}
{{- if $controller }}
initContainers:
  # The gate starts as soon as the version polls, and is not retried: wait until a new shop's databases are up.
  - name: wait
    image: {{ include "sagacart.worker.image" . }}
    imagePullPolicy: {{ $worker.image.pullPolicy | default (dig "image" "pullPolicy" "IfNotPresent" $global) }}
    args: [workflows/src/worker/wait-main.ts]
    env:
      {{- include "sagacart.worker.addresses" . | nindent 6 }}
    resources:
      requests: { cpu: 10m, memory: 64Mi }
      limits: { memory: 256Mi }
    securityContext:
      {{- include "service.securityContext" (list . $worker.securityContext) | nindent 6 }}
{{- end }}
containers:
  - name: worker
    image: {{ include "sagacart.worker.image" . }}
    imagePullPolicy: {{ $worker.image.pullPolicy | default (dig "image" "pullPolicy" "IfNotPresent" $global) }}
    args: [--import, ./workflows/src/worker/lean-threads.ts, workflows/src/main.ts]
    ports:
      - { name: admin, containerPort: 9090 }
    env:
      - { name: HOST, value: 0.0.0.0 }
      - { name: ADMIN_PORT, value: "9090" }
      - { name: DRAIN_TIMEOUT_MS, value: {{ $worker.drainTimeoutMs | int | quote }} }
      - { name: WORKFLOW_BUNDLE_PATH, value: {{ $worker.bundlePath | quote }} }
      {{- include "sagacart.worker.addresses" . | nindent 6 }}
      - { name: SERVICE_CLIENT_ID, value: worker }
      - { name: SERVICE_CLIENT_SECRET_FILE, value: /etc/sagacart/secrets/SERVICE_CLIENT_SECRET }
      {{- if $tls }}
      - { name: TLS_CA_FILE, value: /etc/sagacart/tls/ca.crt }
      # The certificate of metrics and probes.
      - { name: TLS_CERT_FILE, value: /etc/sagacart/tls/tls.crt }
      - { name: TLS_KEY_FILE, value: /etc/sagacart/tls/tls.key }
      - { name: ADMIN_TLS, value: "true" }
      {{- end }}
      {{- with $otel.endpoint }}
      - { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ . | quote }} }
      - { name: OTEL_EXPORTER_OTLP_PROTOCOL, value: {{ $otel.protocol | default "http/protobuf" | quote }} }
      {{- if include "service.collectorIsInside" $ }}
      - { name: OTEL_EXPORTER_OTLP_CERTIFICATE, value: /etc/sagacart/tls/ca.crt }
      {{- end }}
      - { name: OTEL_SERVICE_NAME, value: worker }
      - { name: OTEL_TRACES_SAMPLER, value: parentbased_traceidratio }
      - { name: OTEL_TRACES_SAMPLER_ARG, value: {{ $otel.sampleRatio | toString | quote }} }
      - name: POD_NAME
        valueFrom: { fieldRef: { fieldPath: metadata.name } }
      - name: OTEL_RESOURCE_ATTRIBUTES
        value: {{ printf "service.namespace=sagacart,k8s.namespace.name=%s,k8s.pod.name=$(POD_NAME)" $.Release.Namespace | quote }}
      {{- end }}
      {{- if not $controller }}
      {{- include "sagacart.worker.temporalEnv" . | nindent 6 }}
      {{- end }}
      {{- /* The controller mounts the same Secret at the same path, and leaves this variable out. */}}
      {{- with .Values.temporal.mutualTls }}
      {{- if and .secretName .caKey }}
      - { name: TEMPORAL_TLS_SERVER_CA_CERT_PATH, value: /etc/temporal/tls/{{ .caKey }} }
      {{- end }}
      {{- end }}
      {{- range $name, $value := include "sagacart.worker.config" . | fromJson }}
      {{- if $value }}
      - { name: {{ $name }}, value: {{ $value | quote }} }
      {{- end }}
      {{- end }}
      {{- with $worker.extraEnv }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    startupProbe:
      httpGet: { path: /health, port: admin, scheme: {{ include "service.probeScheme" . }} }
      periodSeconds: 1
      failureThreshold: 60
    readinessProbe:
      httpGet: { path: /ready, port: admin, scheme: {{ include "service.probeScheme" . }} }
      periodSeconds: 2
      timeoutSeconds: 2
    livenessProbe:
      httpGet: { path: /health, port: admin, scheme: {{ include "service.probeScheme" . }} }
      periodSeconds: 10
      timeoutSeconds: 2
    resources: {{ toJson $worker.resources }}
    securityContext:
      {{- include "service.securityContext" (list . $worker.securityContext) | nindent 6 }}
    volumeMounts:
      - { name: secrets, mountPath: /etc/sagacart/secrets, readOnly: true }
      - { name: tmp, mountPath: /tmp }
      {{- if $tls }}
      - { name: tls, mountPath: /etc/sagacart/tls, readOnly: true }
      {{- end }}
      {{- if not $controller }}
      {{- if .Values.temporal.mutualTls.secretName }}
      - { name: temporal-tls, mountPath: /etc/temporal/tls, readOnly: true }
      {{- else if .Values.temporal.apiKey.secretName }}
      - { name: temporal-api-key, mountPath: /etc/temporal/api-key, readOnly: true }
      {{- end }}
      {{- end }}
      {{- with $worker.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
volumes:
  - name: secrets
    secret:
      secretName: {{ include "sagacart.worker.secret" . }}
      defaultMode: 0440
      items: [{ key: SERVICE_CLIENT_SECRET, path: SERVICE_CLIENT_SECRET }]
  - name: tmp
    emptyDir: { sizeLimit: 64Mi }
  {{- if $tls }}
  # The CA, to verify the services, and the certificate of its metrics and probes.
  - name: tls
    secret:
      secretName: {{ include "sagacart.worker.name" . }}-tls
      defaultMode: 0440
  {{- end }}
  {{- if not $controller }}
  {{- if .Values.temporal.mutualTls.secretName }}
  - name: temporal-tls
    secret: { secretName: {{ .Values.temporal.mutualTls.secretName }} }
  {{- else if .Values.temporal.apiKey.secretName }}
  - name: temporal-api-key
    secret:
      secretName: {{ .Values.temporal.apiKey.secretName }}
      items: [{ key: {{ .Values.temporal.apiKey.key }}, path: key }]
  {{- end }}
  {{- end }}
  {{- with $worker.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* The variables with the addresses of the services that the worker calls. */}}
{{- define "sagacart.worker.addresses" -}}
{{- $table := include "service.table" . | fromJson -}}
{{- range $name, $ports := $table.worker.calls -}}
{{- if has (dig "ports" "grpc" 0 (get $table $name)) $ports -}}
- { name: {{ upper $name }}_ADDRESS, value: {{ printf "dns:///%s-%s:%v" $.Release.Name $name (first $ports) | quote }} }
{{ end -}}
{{ end -}}
- name: AUTH_TOKEN_URL
  value: {{ include "sagacart.tokenUrl" . | quote }}
{{- end }}

{{/* Where programs get their tokens. */}}
{{- define "sagacart.tokenUrl" -}}
{{ .Values.global.auth.tokenUrl | default (printf "%s://%s-identity:8096/oidc/token" (ternary "https" "http" .Values.global.tls.enabled) .Release.Name) }}
{{- end }}

{{/* The variables of worker.config and global.config, as JSON, with templates filled in. */}}
{{- define "sagacart.worker.config" -}}
{{- include "service.filledConfig" (list . .Values.worker.config) -}}
{{- end }}

{{/* Checks of the worker's values that the schema cannot express. */}}
{{- define "sagacart.worker.checks" -}}
{{- $worker := .Values.worker -}}
{{- $temporal := .Values.temporal -}}
{{- include "service.podChecks" (list "worker" $worker) -}}
{{- $part := (include "service.table" . | fromJson).worker -}}
{{- $derived := dict "HOST" "" "ADMIN_PORT" "" "ADMIN_TLS" "Set global.tls." "DRAIN_TIMEOUT_MS" "Set worker.drainTimeoutMs." "WORKFLOW_BUNDLE_PATH" "Set worker.bundlePath." "SERVICE_CLIENT_ID" "" "SERVICE_CLIENT_SECRET" "Set worker.existingSecret." "AUTH_TOKEN_URL" "Set global.auth.tokenUrl." "TLS_CA" "Set global.tls." "TLS_CERT" "" "TLS_KEY" "" "TEMPORAL_ADDRESS" "Set temporal.address." "TEMPORAL_NAMESPACE" "Set temporal.namespace." "TEMPORAL_API_KEY" "Set temporal.apiKey." "TEMPORAL_TLS" "Set temporal.tls." "TEMPORAL_TLS_CLIENT_CERT_PATH" "Set temporal.mutualTls." "TEMPORAL_TLS_CLIENT_KEY_PATH" "Set temporal.mutualTls." "TEMPORAL_TLS_SERVER_CA_CERT_PATH" "Set temporal.mutualTls." "TEMPORAL_TLS_SERVER_NAME" "Set temporal.tlsServerName." "TEMPORAL_DEPLOYMENT_NAME" "" "TEMPORAL_WORKER_BUILD_ID" "Set worker.controller.buildId." "OTEL_EXPORTER_OTLP_ENDPOINT" "Set global.otel.endpoint." "OTEL_EXPORTER_OTLP_PROTOCOL" "Set global.otel.protocol." "OTEL_EXPORTER_OTLP_CERTIFICATE" "" "OTEL_SERVICE_NAME" "" "OTEL_RESOURCE_ATTRIBUTES" "Set global.otel.resourceAttributes." "OTEL_TRACES_SAMPLER" "Set global.otel.sampleRatio." "OTEL_TRACES_SAMPLER_ARG" "Set global.otel.sampleRatio." -}}
{{- range $callee, $_ := $part.calls -}}
{{- $_ := set $derived (printf "%s_ADDRESS" (upper $callee)) "" -}}
{{- end -}}
{{- include "service.variableChecks" (dict "path" "worker" "values" $worker "global" .Values.global.config "given" (include "sagacart.worker.config" . | fromJson) "part" $part "derived" $derived "keys" list "root" .) -}}
{{- if and $temporal.mutualTls.secretName $temporal.apiKey.secretName -}}
{{- fail "temporal has both mutualTls.secretName and apiKey.secretName, of which the worker would use only the certificate: empty one of them." -}}
{{- end -}}
{{- if and $temporal.mutualTls.caKey (not $temporal.mutualTls.secretName) -}}
{{- fail "temporal.mutualTls.caKey is a key of the Secret temporal.mutualTls.secretName, which is not set." -}}
{{- end -}}
{{- if and $temporal.tlsServerName (not (or $temporal.tls $temporal.mutualTls.secretName $temporal.apiKey.secretName)) -}}
{{- fail "temporal.tlsServerName is set without TLS: set temporal.tls, temporal.mutualTls.secretName or temporal.apiKey.secretName." -}}
{{- end -}}
{{- if eq $worker.mode "controller" -}}
{{- $before := 0 -}}
{{- range $worker.controller.rollout.steps -}}
{{- if lt (float64 (include "service.seconds" .pauseDuration)) 30.0 -}}
{{- fail (printf "worker.controller.rollout.steps has a pauseDuration of %s: the Worker Controller takes 30s or more." .pauseDuration) -}}
{{- end -}}
{{- if le (int .rampPercentage) $before -}}
{{- fail (printf "worker.controller.rollout.steps has %d percent after %d: each step must have more than the one before it." (int .rampPercentage) $before) -}}
{{- end -}}
{{- $before = int .rampPercentage -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The egress rule to Temporal. Without peers: its namespace if the address is in the cluster, else any address. */}}
{{- define "sagacart.temporal.egress" -}}
{{- $policy := .Values.global.networkPolicy -}}
{{- $address := splitList ":" (include "sagacart.temporal.address" .) -}}
{{- $names := splitList "." (first $address) -}}
{{- $inCluster := or (eq (len $names) 2) (and (gt (len $names) 2) (eq (index $names 2) "svc")) -}}
{{- $peers := $policy.temporal -}}
{{- if not $peers -}}
{{- if eq (len $names) 1 -}}
{{- $peers = list (dict "podSelector" dict) -}}
{{- else if $inCluster -}}
{{- $peers = list (dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" (index $names 1)))) -}}
{{- else -}}
{{- $peers = list (dict "ipBlock" (dict "cidr" "0.0.0.0/0")) -}}
{{- if regexMatch ":" (join " " $policy.privateNetworks) -}}
{{- $peers = append $peers (dict "ipBlock" (dict "cidr" "::/0")) -}}
{{- end -}}
{{- end -}}
{{- end -}}
- to: {{ toJson $peers }}
  ports: [{ protocol: TCP, port: {{ $policy.temporalPort | default (last $address) }} }]
{{- end }}

{{/* Temporal's variables for a plain Deployment. Under the controller, its Connection sets the same variables. */}}
{{- define "sagacart.worker.temporalEnv" -}}
{{- $temporal := .Values.temporal -}}
- { name: TEMPORAL_ADDRESS, value: {{ include "sagacart.temporal.address" . | quote }} }
- { name: TEMPORAL_NAMESPACE, value: {{ $temporal.namespace | quote }} }
{{- with $temporal.tlsServerName }}
- { name: TEMPORAL_TLS_SERVER_NAME, value: {{ . | quote }} }
{{- end }}
{{- if $temporal.mutualTls.secretName }}
- { name: TEMPORAL_TLS, value: "true" }
- { name: TEMPORAL_TLS_CLIENT_KEY_PATH, value: /etc/temporal/tls/tls.key }
- { name: TEMPORAL_TLS_CLIENT_CERT_PATH, value: /etc/temporal/tls/tls.crt }
{{- else if $temporal.apiKey.secretName }}
- { name: TEMPORAL_TLS, value: "true" }
- { name: TEMPORAL_API_KEY_FILE, value: /etc/temporal/api-key/key }
{{- else if $temporal.tls }}
- { name: TEMPORAL_TLS, value: "true" }
{{- end }}
{{- end }}

{{/* The spec of a HorizontalPodAutoscaler without its scaleTargetRef. */}}
{{- define "sagacart.worker.autoscaling" -}}
{{- $autoscaling := .Values.worker.autoscaling -}}
{{- if lt (int $autoscaling.minReplicas) 1 -}}
{{- fail "worker.autoscaling.minReplicas must be 1 or more: without a worker nothing polls, and a new version waits for pollers forever." -}}
{{- end -}}
minReplicas: {{ $autoscaling.minReplicas }}
maxReplicas: {{ $autoscaling.maxReplicas }}
metrics:
  - type: Resource
    resource:
      name: cpu
      target: { type: Utilization, averageUtilization: {{ $autoscaling.targetCPU }} }
behavior:
  scaleDown:
    stabilizationWindowSeconds: {{ $autoscaling.scaleDownSeconds }}
{{- end }}

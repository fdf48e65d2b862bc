{{/* Who needs a second factor: off, required or everyone. */}}
{{- define "service.secondFactor" -}}
{{ .Values.global.auth.secondFactor | default (ternary "required" "off" .Values.global.production) }}
{{- end -}}

{{/* The variables that are not secret, as a YAML map: what the chart derives, and then the values. */}}
{{- define "service.config" -}}
{{- $config := include "service.derivedConfig" . | fromJson -}}
{{- range $name, $value := include "service.givenConfig" . | fromJson -}}
{{- if eq $value "" -}}
{{- $_ := unset $config $name -}}
{{- else -}}
{{- $_ := set $config $name $value -}}
{{- end -}}
{{- end -}}
{{- /* A process prefers a variable to its file. */ -}}
{{- range $name := (include "service.secretKeys" . | fromYaml).keys -}}
{{- $_ := unset $config $name -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* The variables that the values set, as JSON, with templates filled in. Empty: not set. */}}
{{- define "service.givenConfig" -}}
{{- include "service.filledConfig" (list . .Values.config) -}}
{{- end -}}

{{/* The same of any part. Arguments: (list $ <the part's config>). It overrides global.config. */}}
{{- define "service.filledConfig" -}}
{{- $root := index . 0 -}}
{{- $given := dict -}}
{{- /* Not `merge`, for which false and 0 are no values. */ -}}
{{- range $config := list $root.Values.global.config (index . 1) -}}
{{- range $name, $value := $config -}}
{{- if kindIs "float64" $value -}}
{{- $value = ternary (int64 $value | toString) (toString $value) (eq (floor $value) $value) -}}
{{- end -}}
{{- $_ := set $given $name (ternary "" (tpl (toString $value) $root) (kindIs "invalid" $value)) -}}
{{- end -}}
{{- end -}}
{{- toJson $given -}}
{{- end -}}

{{/* The variables that follow from other values and from the table of the shop's parts, as JSON. */}}
{{- define "service.derivedConfig" -}}
{{- $context := . -}}
{{- $global := .Values.global -}}
{{- $part := include "service.part" . | fromJson -}}
{{- $table := include "service.table" . | fromJson -}}
{{- $reads := $part.variables | default list -}}
{{- $scheme := ternary "https" "http" $global.tls.enabled -}}
{{- $config := dict
  "HOST" "0.0.0.0"
  "PORT" (toString .Values.port)
  "ADMIN_PORT" (include "service.adminPort" .)
  "LOG_LEVEL" "info"
  "SHUTDOWN_DELAY_MS" (include "service.shutdownDelayMs" .)
  "DRAIN_TIMEOUT_MS" (int64 .Values.drain.timeoutMs | toString)
  "MAX_CONNECTION_AGE_MS" (int64 .Values.maxConnectionAgeMs | toString)
  "AUTH_ISSUER" ($global.auth.issuer | default $global.publicUrl)
  "AUTH_SECOND_FACTOR" (include "service.secondFactor" .)
  "AUTH_JWKS_URL" ($global.auth.jwksUrl | default (printf "%s/oidc/jwks" (include "service.identityUrl" .)))
-}}
{{- if eq .Values.protocol "http" -}}
{{- $_ := set $config "IDLE_TIMEOUT_MS" (mul 1000 (add 15 (include "service.loadBalancer" . | fromYaml).idle) | toString) -}}
{{- end -}}
{{- if not $global.auth.issuer -}}
{{- $_ := set $config "AUTH_REVOCATIONS_URL" (printf "%s/revocations" (include "service.identityUrl" .)) -}}
{{- end -}}
{{- range $callee, $ports := $part.calls | default dict -}}
{{- $port := dig "ports" "grpc" 0 (get $table $callee) -}}
{{- if and $port (has $port $ports) -}}
{{- $_ := set $config (printf "%s_ADDRESS" (upper $callee)) (printf "dns:///%s-%s:%v" $context.Release.Name $callee $port) -}}
{{- end -}}
{{- end -}}
{{- if has "IDENTITY_HTTP_URL" $reads -}}
{{- $_ := set $config "IDENTITY_HTTP_URL" (include "service.identityUrl" .) -}}
{{- end -}}
{{- if and (has "SURFACES_URL" $reads) $global.surfaces.enabled -}}
{{- $_ := set $config "SURFACES_URL" (printf "%s://%s-surfaces:%v" $scheme .Release.Name $table.surfaces.ports.http) -}}
{{- end -}}
{{- if has "ISSUER_URL" $reads -}}
{{- $_ := set $config "ISSUER_URL" $global.publicUrl -}}
{{- $_ := set $config "HTTP_PORT" (toString $part.ports.http) -}}
{{- /* Identity asks itself, which the network policies do not let it do by its Service. */ -}}
{{- $itself := printf "%s://localhost:%v" $scheme $part.ports.http -}}
{{- $_ := set $config "AUTH_JWKS_URL" ($global.auth.jwksUrl | default (printf "%s/oidc/jwks" $itself)) -}}
{{- if not $global.auth.issuer -}}
{{- $_ := set $config "AUTH_REVOCATIONS_URL" (printf "%s/revocations" $itself) -}}
{{- end -}}
{{- end -}}
{{- if and (has "MAILBOX_SMTP_PORT" $reads) $global.world.enabled -}}
{{- $_ := set $config "MAILBOX_SMTP_PORT" (toString $part.ports.mailbox) -}}
{{- $_ := set $config "MAILBOX_SMTP_HOST" "0.0.0.0" -}}
{{- end -}}
{{- if .Values.database.enabled -}}
{{- $_ := set $config "DATABASE_POOL_SIZE" (toString .Values.database.poolSize) -}}
{{- end -}}
{{- if .Values.auth.callsServices -}}
{{- $_ := set $config "AUTH_TOKEN_URL" ($global.auth.tokenUrl | default (printf "%s/oidc/token" (include "service.identityUrl" .))) -}}
{{- $_ := set $config "SERVICE_CLIENT_ID" (include "service.name" .) -}}
{{- end -}}
{{- if $global.tls.enabled -}}
{{- $_ := set $config "TLS_CA_FILE" "/etc/sagacart/tls/ca.crt" -}}
{{- $_ := set $config "ADMIN_TLS" "true" -}}
{{- $_ := set $config "TLS_CERT_FILE" "/etc/sagacart/tls/tls.crt" -}}
{{- $_ := set $config "TLS_KEY_FILE" "/etc/sagacart/tls/tls.key" -}}
{{- $_ := set $config "TLS_CLIENT_AUTH" $global.tls.clientAuth -}}
{{- if eq .Values.protocol "http" -}}
{{- $_ := set $config "SERVE_TLS" (toString .Values.tls.serve) -}}
{{- end -}}
{{- end -}}
{{- with $global.otel -}}
{{- if .endpoint -}}
{{- $attributes := merge (dict) .resourceAttributes (dict "service.namespace" $context.Release.Name "service.version" $context.Chart.AppVersion "k8s.namespace.name" $context.Release.Namespace) -}}
{{- $pairs := list -}}
{{- range $name, $value := $attributes -}}
{{- $pairs = append $pairs (printf "%s=%s" $name (toString $value)) -}}
{{- end -}}
{{- $_ := set $config "OTEL_EXPORTER_OTLP_ENDPOINT" .endpoint -}}
{{- $_ := set $config "OTEL_EXPORTER_OTLP_PROTOCOL" .protocol -}}
{{- if include "service.collectorIsInside" $context -}}
{{- $_ := set $config "OTEL_EXPORTER_OTLP_CERTIFICATE" "/etc/sagacart/tls/ca.crt" -}}
{{- end -}}
{{- $_ := set $config "OTEL_SERVICE_NAME" (include "service.name" $context) -}}
{{- $_ := set $config "OTEL_RESOURCE_ATTRIBUTES" (join "," $pairs) -}}
{{- $_ := set $config "OTEL_TRACES_SAMPLER" "parentbased_traceidratio" -}}
{{- $_ := set $config "OTEL_TRACES_SAMPLER_ARG" (toString .sampleRatio) -}}
{{- end -}}
{{- end -}}
{{- toJson $config -}}
{{- end -}}

{{/* The variables with paths of files: for the keys of its Secret, and for its database's URL. */}}
{{- define "service.fileEnv" -}}
{{- range (include "service.secretKeys" . | fromYaml).keys }}
- name: {{ . }}_FILE
  value: /etc/sagacart/secrets/{{ . }}
{{- end }}
{{- if .Values.database.enabled }}
{{ include "service.databaseEnv" . }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "service.databaseEnv" -}}
- name: DATABASE_URL_FILE
  value: /etc/sagacart/database/url
{{- if include "service.databaseCaSecret" . }}
- name: DATABASE_CA_FILE
  value: /etc/sagacart/database-ca/ca.crt
{{- end }}
{{- end -}}

{{- define "service.databaseMounts" -}}
- name: database
  mountPath: /etc/sagacart/database
  readOnly: true
{{- if include "service.databaseCaSecret" . }}
- name: database-ca
  mountPath: /etc/sagacart/database-ca
  readOnly: true
{{- end }}
{{- end -}}

{{/* What only the migrations get: the variable and the mount of the owner's URL. */}}
{{- define "service.databaseOwnerEnv" -}}
{{- if include "service.migratesAsOwner" . -}}
- name: DATABASE_OWNER_URL_FILE
  value: /etc/sagacart/database-owner/url
{{- end -}}
{{- end -}}

{{- define "service.databaseOwnerMounts" -}}
{{- if include "service.migratesAsOwner" . -}}
- name: database-owner
  mountPath: /etc/sagacart/database-owner
  readOnly: true
{{- end -}}
{{- end -}}

{{- define "service.volumeMounts" -}}
- name: tmp
  mountPath: /tmp
{{- if (include "service.secretKeys" . | fromYaml).keys }}
- name: secrets
  mountPath: /etc/sagacart/secrets
  readOnly: true
{{- end }}
{{- if .Values.database.enabled }}
{{ include "service.databaseMounts" . }}
{{- end }}
{{- if .Values.global.tls.enabled }}
- name: tls
  mountPath: /etc/sagacart/tls
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "service.volumes" -}}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- with (include "service.secretKeys" . | fromYaml).keys }}
- name: secrets
  secret:
    secretName: {{ include "service.secretName" $ }}
    defaultMode: 0440
    items:
    {{- range . }}
    - key: {{ . }}
      path: {{ . }}
    {{- end }}
{{- end }}
{{- if .Values.database.enabled }}
- name: database
  secret:
    secretName: {{ include "service.databaseSecret" . }}
    defaultMode: 0440
    items:
    - key: {{ .Values.database.existingSecret.key }}
      path: url
{{- if include "service.migratesAsOwner" . }}
- name: database-owner
  secret:
    secretName: {{ include "service.databaseOwnerSecret" . }}
    defaultMode: 0440
    items:
    - key: {{ .Values.database.ownerSecret.key }}
      path: url
{{- end }}
{{- with include "service.databaseCaSecret" . }}
- name: database-ca
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items:
    - key: {{ $.Values.database.caSecret.key }}
      path: ca.crt
{{- end }}
{{- end }}
{{- if .Values.global.tls.enabled }}
- name: tls
  secret:
    secretName: {{ include "service.fullname" . }}-tls
    defaultMode: 0440
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

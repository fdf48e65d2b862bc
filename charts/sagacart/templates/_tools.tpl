{{/* Jobs and tests, which run in the tools image. */}}

{{/* The labels of a job or test. Arguments: (list $ "audit"). */}}
{{- define "sagacart.tools.selector" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ index . 1 }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
{{- end -}}

{{- define "sagacart.labels" -}}
{{- $root := index . 0 -}}
{{ include "sagacart.tools.selector" . }}
app.kubernetes.io/component: {{ index . 2 }}
app.kubernetes.io/part-of: sagacart
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The name of an image. Arguments: an image of the values, its default repository, and $. */}}
{{- define "sagacart.image" -}}
{{- $image := .image -}}
{{- $global := .root.Values.global.image -}}
{{- $name := list $global.registry ($image.repository | default .repository) | compact | join "/" -}}
{{- if $image.digest -}}
{{ $name }}@{{ $image.digest }}
{{- else -}}
{{ $name }}:{{ $image.tag | default $global.tag | default .root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* "true" if the gateway's own port uses TLS. */}}
{{- define "sagacart.gatewayTls" -}}
{{- if and .Values.global.tls.enabled .Values.gateway.tls.serve -}}true{{- end -}}
{{- end -}}

{{- define "sagacart.gatewayUrl" -}}
{{ ternary "https" "http" (eq (include "sagacart.gatewayTls" .) "true") }}://{{ .Release.Name }}-gateway:{{ .Values.gateway.port }}
{{- end -}}

{{/*
A pod that runs one program once. Arguments: root, name, script, and optionally env (a list) and operator (true for one that
signs in as the operator, with OPERATOR_PASSWORD of a Secret, and with OPERATOR_TOTP_SECRET where a second factor is required),
databases (true for one that connects to those audited, and records its verdict with the order service) and outside (true for one that calls nothing of the release but the
internet, and trusts the public CAs, or the API server).
*/}}
{{- define "sagacart.tools.pod" -}}
{{- $root := .root -}}
{{- $tls := and $root.Values.global.tls.enabled (not .outside) -}}
restartPolicy: Never
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.global.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- include "service.podSecurityContext" (list $root $root.Values.tools.podSecurityContext) | nindent 2 }}
{{- include "service.scheduling" $root.Values.tools }}
containers:
  - name: {{ .name }}
    image: {{ include "sagacart.image" (dict "image" $root.Values.tools.image "repository" "sagacart/tools" "root" $root) }}
    imagePullPolicy: {{ $root.Values.global.image.pullPolicy }}
    args: [{{ .script }}]
    env:
      {{- with .env }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
      {{- if .operator }}
      - name: OPERATOR_USERNAME
        value: {{ $root.Values.tools.operatorUsername | quote }}
      - name: OPERATOR_PASSWORD_FILE
        value: /etc/sagacart/secrets/OPERATOR_PASSWORD
      {{- if ne (include "service.secondFactor" $root) "off" }}
      - name: OPERATOR_TOTP_SECRET_FILE
        value: /etc/sagacart/secrets/OPERATOR_TOTP_SECRET
      {{- end }}
      {{- end }}
      {{- if $tls }}
      - name: TLS_CA_FILE
        value: /etc/sagacart/tls/ca.crt
      # Of all it calls, which is inside of the cluster, the certificates are of this CA alone.
      - name: NODE_OPTIONS
        value: --use-openssl-ca
      - name: SSL_CERT_FILE
        value: /etc/sagacart/tls/ca.crt
      - name: SSL_CERT_DIR
        value: /etc/sagacart/tls
      - name: TLS_CERT_FILE
        value: /etc/sagacart/tls/tls.crt
      - name: TLS_KEY_FILE
        value: /etc/sagacart/tls/tls.key
      {{- end }}
    resources:
      {{- toYaml $root.Values.tools.resources | nindent 6 }}
    securityContext:
      {{- include "service.securityContext" (list $root $root.Values.tools.securityContext) | nindent 6 }}
    volumeMounts:
      - name: tmp
        mountPath: /tmp
      {{- if .operator }}
      - name: secrets
        mountPath: /etc/sagacart/secrets
        readOnly: true
      {{- end }}
      {{- if $tls }}
      - name: tls
        mountPath: /etc/sagacart/tls
        readOnly: true
      {{- end }}
      {{- if and .databases (include "sagacart.audit.verifies" $root) }}
      - name: database-cas
        mountPath: /etc/sagacart/database-cas
        readOnly: true
      {{- end }}
      {{- if and .databases $root.Values.audit.record }}
      - name: client-secret
        mountPath: /etc/sagacart/secrets
        readOnly: true
      {{- end }}
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: 64Mi
  {{- if .operator }}
  - name: secrets
    secret:
      secretName: {{ $root.Values.tools.existingSecret | default (printf "%s-tools" $root.Release.Name) }}
      defaultMode: 0440
      items:
        - key: OPERATOR_PASSWORD
          path: OPERATOR_PASSWORD
        {{- if ne (include "service.secondFactor" $root) "off" }}
        - key: OPERATOR_TOTP_SECRET
          path: OPERATOR_TOTP_SECRET
        {{- end }}
  {{- end }}
  {{- if $tls }}
  - name: tls
    secret:
      secretName: {{ $root.Release.Name }}-tools-tls
      defaultMode: 0440
  {{- end }}
  {{- if and .databases (include "sagacart.audit.verifies" $root) }}
  - name: database-cas
    projected:
      defaultMode: 0440
      sources:
        {{- range include "sagacart.services.audited" $root | fromJsonArray }}
        - secret:
            name: {{ include "sagacart.databases.cluster" (list $root .) }}-ca
            items: [{ key: ca.crt, path: {{ . }}.crt }]
        {{- end }}
  {{- end }}
  {{- if and .databases $root.Values.audit.record }}
  - name: client-secret
    secret:
      secretName: {{ $root.Values.audit.existingSecret | default (printf "%s-audit" $root.Release.Name) }}
      defaultMode: 0440
      # An upgrade may come before the secret does: the audit then runs, and says that it is not recorded.
      optional: true
      items: [{ key: SERVICE_CLIENT_SECRET, path: SERVICE_CLIENT_SECRET }]
  {{- end }}
{{- end -}}

{{/*
The audit's variables, as a list below `env`: from a Secret with the URLs, or composed with the audit role's password.
Kubernetes expands $(NAME), so that no manifest contains the password.
*/}}
{{- define "sagacart.audit.env" -}}
env:
  {{- if .Values.global.production }}
  - name: AUDIT_REQUIRE_TLS
    value: "true"
  {{- end }}
  {{- if .Values.audit.record }}
  {{- $table := include "service.table" . | fromJson }}
  - name: ORDER_ADDRESS
    value: {{ printf "dns:///%s-order:%v" .Release.Name (first $table.audit.calls.order) | quote }}
  - name: AUTH_TOKEN_URL
    value: {{ include "sagacart.tokenUrl" . | quote }}
  - name: SERVICE_CLIENT_ID
    value: audit
  - name: SERVICE_CLIENT_SECRET_FILE
    value: /etc/sagacart/secrets/SERVICE_CLIENT_SECRET
  {{- with .Values.global.config.AUTH_AUDIENCE }}
  - name: AUTH_AUDIENCE
    value: {{ . | quote }}
  {{- end }}
  {{- end }}
  {{- if .Values.audit.urlsSecret }}
  {{- range include "sagacart.services.audited" . | fromJsonArray }}
  - name: AUDIT_{{ upper . }}_URL
    valueFrom:
      secretKeyRef:
        name: {{ $.Values.audit.urlsSecret }}
        key: AUDIT_{{ upper . }}_URL
  {{- end }}
  {{- else }}
  - name: AUDIT_PASSWORD
    valueFrom:
      secretKeyRef:
        name: {{ include "sagacart.databases.auditSecret" . }}
        key: password
  {{- range include "sagacart.services.audited" . | fromJsonArray }}
  - name: AUDIT_{{ upper . }}_URL
    value: postgresql://audit:$(AUDIT_PASSWORD)@{{ include "sagacart.databases.cluster" (list $ .) }}-rw:5432/{{ . }}{{ if include "sagacart.audit.verifies" $ }}?sslmode=verify-full&sslrootcert=/etc/sagacart/database-cas/{{ . }}.crt{{ end }}
  {{- end }}
  {{- end }}
{{- end -}}

{{/* "true" if the audit verifies the databases' certificates by the CAs of CloudNativePG, as the services do. */}}
{{- define "sagacart.audit.verifies" -}}
{{- if and .Values.global.tls.enabled .Values.databases.enabled (not .Values.audit.urlsSecret) -}}true{{- end -}}
{{- end -}}

{{/* A network policy for a job or test. Arguments: root, name, hook (annotations), egress (rules, as YAML). */}}
{{- define "sagacart.tools.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ .root.Release.Name }}-{{ .name }}
  labels:
    {{- include "sagacart.labels" (list .root .name "job") | nindent 4 }}
  {{- with .annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  podSelector:
    matchLabels:
      {{- include "sagacart.tools.selector" (list .root .name) | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress: []
  egress:
    {{- .egress | trim | nindent 4 }}
    {{- include "service.commonEgress" .root | nindent 4 }}
{{- end -}}

{{/* An egress rule to a part of the release. Arguments: (list $ "gateway" 8080). */}}
{{- define "sagacart.egressTo" -}}
- to:
    - podSelector:
        matchLabels:
          {{- include "sagacart.tools.selector" . | nindent 10 }}
  ports:
    - {protocol: TCP, port: {{ index . 2 }}}
{{- end -}}

{{/* Egress to the audited databases, and to what records the verdict. */}}
{{- define "sagacart.audit.egress" -}}
{{- if .Values.audit.record }}
{{- range $callee, $ports := (include "service.table" . | fromJson).audit.calls }}
{{- range $ports }}
{{ include "sagacart.egressTo" (list $ $callee .) }}
{{- end }}
{{- end }}
{{ include "service.issuerEgress" . }}
{{- end }}
{{- range include "sagacart.services.audited" . | fromJsonArray }}
{{- /* A service that is not installed has only the umbrella's values, without the defaults of charts/service. */}}
{{- $database := get (get $.Values .) "database" | default dict }}
- to:
    {{- if has . (include "sagacart.databases.names" $ | fromJsonArray) }}
    - podSelector:
        matchLabels:
          cnpg.io/cluster: {{ include "sagacart.databases.cluster" (list $ .) }}
    {{- end }}
    {{- with $database.peers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  ports:
    - {protocol: TCP, port: {{ $database.port | default 5432 }}}
{{- end }}
{{- end -}}

{{/* The metadata of the objects of the hook before an uninstallation, which exist only while it runs. */}}
{{- define "sagacart.cleanup.metadata" }}
  name: {{ .Release.Name }}-cleanup
  namespace: {{ .Release.Namespace }}
  labels:
    {{- include "sagacart.labels" (list . "cleanup" "job") | nindent 4 }}
  annotations:
    helm.sh/hook: pre-delete
    helm.sh/hook-weight: "-1"
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}

{{/* Checks that the value `alerts` names alerts that exist, and thresholds of those that have one. */}}
{{- define "sagacart.alerts.checks" -}}
{{- $expressions := dict -}}
{{- range $_, $file := .Files.Glob "files/monitoring/rules/*.yaml" -}}
{{- range (toString $file | fromYaml).groups -}}
{{- range .rules -}}
{{- if .alert -}}{{- $_ := set $expressions .alert .expr -}}{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $name, $changes := .Values.alerts -}}
{{- if not (hasKey $expressions $name) -}}
{{- fail (printf "alerts.%s: there is no alert %s. The alerts are the files of k8s/monitoring/runbooks." $name $name) -}}
{{- end -}}
{{- if and (hasKey $changes "threshold") (not (regexMatch "(>|<|=) *[0-9.]+\\s*$" (get $expressions $name))) -}}
{{- fail (printf "alerts.%s.threshold: this alert does not compare with a number." $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* "true" if `helm test` looks at the public URL. */}}
{{- define "sagacart.tests.publicUrl" -}}
{{- $choice := .Values.tests.publicUrl.enabled -}}
{{- if or (eq $choice "always") (and (eq $choice "auto") .Values.global.production) -}}true{{- end -}}
{{- end -}}

{{/* The services, as a JSON list: the values with a port. See also scripts/shop.ts. */}}
{{- define "sagacart.services" -}}
{{- $names := list -}}
{{- range $name, $values := .Values -}}
{{- if kindIs "map" $values -}}
{{- if hasKey $values "port" -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end }}

{{/* The services with RPCs. */}}
{{- define "sagacart.services.rpc" -}}
{{- $names := list -}}
{{- range $name := include "sagacart.services" . | fromJsonArray -}}
{{- if ne (dig "protocol" "grpc" (get $.Values $name)) "http" -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end }}

{{/* The services with a database. */}}
{{- define "sagacart.services.withDatabase" -}}
{{- $names := list -}}
{{- range $name := include "sagacart.services" . | fromJsonArray -}}
{{- if dig "database" "enabled" true (get $.Values $name) -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end }}

{{/* The services whose database the audit reads. */}}
{{- define "sagacart.services.audited" -}}
{{- $names := list -}}
{{- range $name := include "sagacart.services.withDatabase" . | fromJsonArray -}}
{{- if dig "database" "audited" true (get $.Values $name) -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end }}

{{/* The services, as a JSON list: what has a port in the values is one. See also scripts/shop.ts. */}}
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

{{/* Those with RPCs. */}}
{{- define "sagacart.services.rpc" -}}
{{- $names := list -}}
{{- range $name := include "sagacart.services" . | fromJsonArray -}}
{{- if ne (dig "protocol" "grpc" (get $.Values $name)) "http" -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end }}

{{/* Those with a database. */}}
{{- define "sagacart.services.withDatabase" -}}
{{- $names := list -}}
{{- range $name := include "sagacart.services" . | fromJsonArray -}}
{{- if dig "database" "enabled" true (get $.Values $name) -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end }}

{{/* Those whose database the audit reads. */}}
{{- define "sagacart.services.audited" -}}
{{- $names := list -}}
{{- range $name := include "sagacart.services.withDatabase" . | fromJsonArray -}}
{{- if dig "database" "audited" true (get $.Values $name) -}}
{{- $names = append $names $name -}}
{{- end -}}
{{- end -}}
{{- toJson $names -}}
{{- end }}

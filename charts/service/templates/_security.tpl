{{/*
Pod Security level "restricted", and a read-only root file system. `global.podSecurityContext` and then the part's own override
single fields; null removes one, so that the platform chooses it. Arguments: (list $ <the part's own>).
*/}}
{{- define "service.podSecurityContext" -}}
{{- $default := dict "runAsNonRoot" true "runAsUser" 65532 "runAsGroup" 65532 "fsGroup" 65532 "fsGroupChangePolicy" "OnRootMismatch" "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- include "service.overridden" (list $default (index . 0).Values.global.podSecurityContext (index . 1)) -}}
{{- end -}}

{{/* The same of a container. */}}
{{- define "service.securityContext" -}}
{{- $default := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL")) -}}
{{- include "service.overridden" (list $default (index . 0).Values.global.securityContext (index . 1)) -}}
{{- end -}}

{{/* Maps, each of which overrides fields of those before it; null removes a field. Not `merge`, which ignores false. */}}
{{- define "service.overridden" -}}
{{- $fields := dict -}}
{{- range $map := . -}}
{{- range $field, $value := $map -}}
{{- if kindIs "invalid" $value -}}
{{- $_ := unset $fields $field -}}
{{- else -}}
{{- $_ := set $fields $field $value -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $fields -}}
{{- end -}}

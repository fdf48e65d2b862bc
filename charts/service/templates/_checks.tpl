{{/* Checks that the schema cannot express. Each error names the value. */}}
{{- define "service.checks" -}}
{{- $name := include "service.name" . -}}
{{- if eq $name "service" -}}
{{- fail "nameOverride is not set: set it to the service's name, for example --set nameOverride=order." -}}
{{- end -}}
{{- $_ := include "service.secretKeys" . -}}
{{- with .Values.autoscaling -}}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) -}}
{{- fail (printf "%s.autoscaling.minReplicas is %d, which is more than maxReplicas, %d." $name (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.auth.callsServices (ne (toString (get .Values.secret.keys "SERVICE_CLIENT_SECRET")) "true") -}}
{{- fail (printf "%s.auth.callsServices needs %s.secret.keys.SERVICE_CLIENT_SECRET=true: the service gets its token with this secret." $name $name) -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) -}}
{{- fail (printf "%s.ingress.hosts is empty: set the hosts of the Ingress, for example {shop.example}." $name) -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail (printf "%s.httpRoute.parentRefs is empty: set the Gateway of the route." $name) -}}
{{- end -}}
{{- if .Values.global.production -}}
{{- $config := merge (dict) .Values.config .Values.global.config -}}
{{- if eq (toString (get $config "AUTH")) "off" -}}
{{- fail (printf "%s has AUTH=off, which global.production rejects: any caller could do anything." $name) -}}
{{- end -}}
{{- $secondFactor := toString (get $config "AUTH_SECOND_FACTOR" | default (include "service.secondFactor" .)) -}}
{{- if and (eq $secondFactor "off") (not .Values.global.auth.operatorsByPasswordAlone) -}}
{{- fail (printf "%s has AUTH_SECOND_FACTOR=off, which global.production rejects: who learns an operator's password could refund, change roles and erase. Set global.auth.secondFactor=required, or accept it by global.auth.operatorsByPasswordAlone=true." $name) -}}
{{- end -}}
{{- end -}}
{{- range $old, $new := dict "replicaCount" "replicas" "env" "config" "existingSecret" "secret.existingSecret" "secrets" "secret.keys, and the Secret itself" "hpa" "autoscaling" "pdb" "podDisruptionBudget" -}}
{{- if hasKey $.Values $old -}}
{{- fail (printf "%s.%s is not a value of this chart: use %s.%s instead." $name $old $name $new) -}}
{{- end -}}
{{- end -}}
{{- end -}}

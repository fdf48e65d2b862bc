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
{{- with .Values.grpcRoute -}}
{{- if and .enabled (or (not .parentRefs) (not .hostnames)) -}}
{{- fail (printf "%s.grpcRoute needs parentRefs and hostnames: set the Gateway of the route, and a host of its own." $name) -}}
{{- end -}}
{{- if and .enabled (ne $.Values.protocol "http") -}}
{{- fail (printf "%s.grpcRoute is for the gateway: the other services are not called from outside." $name) -}}
{{- end -}}
{{- if and .enabled $.Values.httpRoute.enabled -}}
{{- range .hostnames -}}
{{- if or (not $.Values.httpRoute.hostnames) (has . $.Values.httpRoute.hostnames) -}}
{{- fail (printf "%s.grpcRoute.hostnames has %s, which the HTTPRoute has, too: a Gateway takes only one of two routes of different kinds for a host. Give each its own." $name .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $kind := .Values.loadBalancer.kind -}}
{{- if and (has $kind (list "alb" "nginx")) (not .Values.ingress.enabled) -}}
{{- fail (printf "%s.loadBalancer.kind is %s, which needs %s.ingress.enabled: its settings are annotations of the Ingress." $name $kind $name) -}}
{{- end -}}
{{- if and (has $kind (list "gke" "agc")) (not .Values.httpRoute.enabled) (not .Values.grpcRoute.enabled) -}}
{{- fail (printf "%s.loadBalancer.kind is %s, which needs %s.httpRoute.enabled or %s.grpcRoute.enabled: its settings are policies of a Gateway." $name $kind $name $name) -}}
{{- end -}}
{{- if and (eq $kind "gke") .Values.loadBalancer.idleTimeoutSeconds (lt (int .Values.loadBalancer.idleTimeoutSeconds) 600) -}}
{{- fail (printf "%s.loadBalancer.idleTimeoutSeconds is %d: Google's load balancers keep connections for 600 seconds, which cannot be changed. Leave it out." $name (int .Values.loadBalancer.idleTimeoutSeconds)) -}}
{{- end -}}
{{- if .Values.global.production -}}
{{- $config := merge (dict) .Values.config .Values.global.config -}}
{{- if eq (toString (get $config "AUTH")) "off" -}}
{{- fail (printf "%s has AUTH=off, which global.production rejects: any caller could do anything." $name) -}}
{{- end -}}
{{- end -}}
{{- range $old, $new := dict "replicaCount" "replicas" "env" "config" "existingSecret" "secret.existingSecret" "secrets" "secret.keys, and the Secret itself" "hpa" "autoscaling" "pdb" "podDisruptionBudget" -}}
{{- if hasKey $.Values $old -}}
{{- fail (printf "%s.%s is not a value of this chart: use %s.%s instead." $name $old $name $new) -}}
{{- end -}}
{{- end -}}
{{- end -}}

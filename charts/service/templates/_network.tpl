{{/* The calls between the parts, as JSON: caller, callee, ports. Those of the simulated providers only if they are enabled. */}}
{{- define "service.edges" -}}
{{- $edges := dict -}}
{{- $world := .Values.global.world.enabled -}}
{{- range $caller, $part := include "service.table" . | fromJson -}}
{{- $callees := deepCopy $part.calls -}}
{{- if $world -}}
{{- range $callee, $ports := $part.worldCalls -}}
{{- $_ := set $callees $callee (concat (get $callees $callee | default list) $ports) -}}
{{- end -}}
{{- end -}}
{{- $_ := set $edges $caller $callees -}}
{{- end -}}
{{- toJson $edges -}}
{{- end -}}

{{/* The rules for callees and callers of the process `name`: YAML lists `egress` and `ingress`. */}}
{{- define "service.edgeRules" -}}
{{- $name := .name -}}
{{- $release := .context.Release.Name -}}
{{- $edges := include "service.edges" .context | fromJson -}}
egress:
{{- range $callee, $ports := get $edges $name | default dict }}
  - to:
      - podSelector:
          matchLabels:
            app.kubernetes.io/name: {{ $callee }}
            app.kubernetes.io/instance: {{ $release }}
    ports:
      {{- range $ports }}
      - {protocol: TCP, port: {{ . }}}
      {{- end }}
{{- end }}
ingress:
{{- range $caller, $callees := $edges }}
{{- with get $callees $name }}
  - from:
      - podSelector:
          matchLabels:
            app.kubernetes.io/name: {{ $caller }}
            app.kubernetes.io/instance: {{ $release }}
    ports:
      {{- range . }}
      - {protocol: TCP, port: {{ . }}}
      {{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Egress rules of every process: DNS, and the OTLP collector if there is one. */}}
{{- define "service.commonEgress" -}}
{{- $policy := .Values.global.networkPolicy -}}
{{- with $policy.dns }}
- to:
    {{- toYaml . | nindent 4 }}
  ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
{{- end }}
{{- with .Values.global.otel.endpoint }}
{{- if $policy.otlp }}
- to:
    {{- toYaml $policy.otlp | nindent 4 }}
  ports:
    - {protocol: TCP, port: {{ include "service.portOfUrl" . }}}
{{- end }}
{{- end }}
{{- end -}}

{{/* The port of a URL. */}}
{{- define "service.portOfUrl" -}}
{{- regexFind ":[0-9]+$" (urlParse .).host | trimPrefix ":" | default (ternary "443" "80" (hasPrefix "https:" (lower .))) -}}
{{- end -}}

{{/* Egress rules to an external issuer of tokens: to its keys, and to its token endpoint. */}}
{{- define "service.issuerEgress" -}}
{{- $auth := .Values.global.auth -}}
{{- if $auth.issuer -}}
{{- $ports := list -}}
{{- range $url := list $auth.jwksUrl $auth.tokenUrl -}}
{{- $ports = append $ports (include "service.portOfUrl" $url) -}}
{{- end -}}
{{- with .Values.global.networkPolicy.issuer }}
- to:
    {{- toYaml . | nindent 4 }}
  ports:
    {{- range uniq $ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- else }}
{{ include "service.internetEgress" (dict "ports" (uniq $ports) "context" .) }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* Lets Prometheus read the metrics at `port`. */}}
{{- define "service.metricsIngress" -}}
{{- with .context.Values.global.networkPolicy.prometheus }}
- from:
    {{- toYaml . | nindent 4 }}
  ports:
    - {protocol: TCP, port: {{ $.port }}}
{{- end }}
{{- end -}}

{{/* Egress to the internet at `ports`, without private networks. */}}
{{- define "service.internetEgress" -}}
{{- $v4 := list -}}
{{- $v6 := list -}}
{{- range .context.Values.global.networkPolicy.privateNetworks -}}
{{- if contains ":" . -}}{{- $v6 = append $v6 . -}}{{- else -}}{{- $v4 = append $v4 . -}}{{- end -}}
{{- end -}}
- to:
    - ipBlock:
        cidr: 0.0.0.0/0
        except: {{ toJson $v4 }}
    {{- if $v6 }}
    - ipBlock:
        cidr: ::/0
        except: {{ toJson $v6 }}
    {{- end }}
  ports:
    {{- range .ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end -}}

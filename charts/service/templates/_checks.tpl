{{/* Checks that the schema cannot express. Each error names the value. */}}
{{- define "service.checks" -}}
{{- $name := include "service.name" . -}}
{{- if eq $name "service" -}}
{{- fail "nameOverride is not set: set it to the service's name, for example --set nameOverride=order." -}}
{{- end -}}
{{- range $old, $new := dict "replicaCount" "replicas" "env" "config" "existingSecret" "secret.existingSecret" "secrets" "secret.keys, and the Secret itself" "hpa" "autoscaling" "pdb" "podDisruptionBudget" -}}
{{- if hasKey $.Values $old -}}
{{- fail (printf "%s.%s is not a value of this chart: use %s.%s instead." $name $old $name $new) -}}
{{- end -}}
{{- end -}}
{{- range $old := list "edges" "worldEdges" -}}
{{- if hasKey $.Values.global.networkPolicy $old -}}
{{- fail (printf "global.networkPolicy.%s is not a value of this chart: the calls between the parts are fixed. Allow others with networkPolicy.extraIngress and networkPolicy.extraEgress of a service." $old) -}}
{{- end -}}
{{- end -}}
{{- include "service.globalChecks" . -}}
{{- include "service.nameChecks" . -}}
{{- if and .Values.auth.callsServices (ne (toString (get .Values.secret.keys "SERVICE_CLIENT_SECRET")) "true") -}}
{{- fail (printf "%s.auth.callsServices needs %s.secret.keys.SERVICE_CLIENT_SECRET=true: the service gets its token with this secret." $name $name) -}}
{{- end -}}
{{- include "service.configChecks" . -}}
{{- include "service.podChecks" (list $name .Values) -}}
{{- include "service.portChecks" . -}}
{{- include "service.databaseChecks" . -}}
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
{{- range $kind := list "ingress" "httpRoute" -}}
{{- if and (get $.Values $kind).enabled $.Values.global.networkPolicy.enabled (not $.Values.networkPolicy.callers) (not $.Values.networkPolicy.extraIngress) -}}
{{- fail (printf "%s.networkPolicy.callers is empty, and %s.%s.enabled is true: the network policy would refuse its calls. List the pods of the ingress controller or Gateway." $name $name $kind) -}}
{{- end -}}
{{- end -}}
{{- if .Values.global.production -}}
{{- $config := include "service.config" . | fromYaml -}}
{{- if eq (toString (get $config "AUTH")) "off" -}}
{{- fail (printf "%s has AUTH=off, which global.production rejects: any caller could do anything." $name) -}}
{{- end -}}
{{- $secondFactor := toString (get $config "AUTH_SECOND_FACTOR" | default (include "service.secondFactor" .)) -}}
{{- if and (eq $secondFactor "off") (not .Values.global.auth.operatorsByPasswordAlone) -}}
{{- fail (printf "%s has AUTH_SECOND_FACTOR=off, which global.production rejects: who learns an operator's password could refund, change roles and erase. Set global.auth.secondFactor=required, or accept it by global.auth.operatorsByPasswordAlone=true." $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Checks of the names by which the other parts find this one. */}}
{{- define "service.nameChecks" -}}
{{- $name := include "service.name" . -}}
{{- if include "service.part" . | fromJson -}}
{{- $expected := printf "%s-%s" .Release.Name $name -}}
{{- if and .Values.fullnameOverride (ne .Values.fullnameOverride $expected) -}}
{{- fail (printf "%s.fullnameOverride is %q: the other parts of the release call it %s. Leave it, and name the release." $name .Values.fullnameOverride $expected) -}}
{{- end -}}
{{- if ne (include "service.fullname" .) $expected -}}
{{- fail (printf "The release's name %q is too long: the other parts of the release look for %s." .Release.Name $expected) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Checks of the values that all parts share. */}}
{{- define "service.globalChecks" -}}
{{- $global := .Values.global -}}
{{- $auth := $global.auth -}}
{{- if or $auth.issuer $auth.jwksUrl $auth.tokenUrl -}}
{{- range $field := list "issuer" "jwksUrl" "tokenUrl" -}}
{{- if not (get $auth $field) -}}
{{- fail (printf "global.auth.%s is empty: an external issuer needs all of issuer, jwksUrl and tokenUrl, because tokens of one issuer are not valid at another." $field) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $global.otel.endpoint $global.networkPolicy.enabled (not $global.networkPolicy.otlp) -}}
{{- fail "global.networkPolicy.otlp is empty, and global.otel.endpoint is set: the network policies would refuse the traces. List the collector's pods." -}}
{{- end -}}
{{- if $global.tls.enabled -}}
{{- if le (float64 (include "service.seconds" $global.tls.duration)) (float64 (include "service.seconds" $global.tls.renewBefore)) -}}
{{- fail (printf "global.tls.renewBefore is %s, which is not less than global.tls.duration, %s." $global.tls.renewBefore $global.tls.duration) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Checks of a pod's values, also of the worker's and the tools'. Arguments: (list <path of the values> <values>). */}}
{{- define "service.podChecks" -}}
{{- $path := index . 0 -}}
{{- $values := index . 1 -}}
{{- with $values.autoscaling -}}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) -}}
{{- fail (printf "%s.autoscaling.minReplicas is %d, which is more than maxReplicas, %d." $path (int .minReplicas) (int .maxReplicas)) -}}
{{- end -}}
{{- end -}}
{{- with $values.resources -}}
{{- range $resource, $limit := .limits -}}
{{- $request := get ($values.resources.requests | default dict) $resource -}}
{{- if and $request $limit (gt (float64 (include "service.quantity" $request)) (float64 (include "service.quantity" $limit))) -}}
{{- fail (printf "%s.resources.requests.%s is %v, which is more than its limit, %v: Kubernetes would refuse the pods." $path $resource $request $limit) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $labels := list "podLabels" "podAnnotations" -}}
{{- range $name, $_ := get $values $labels | default dict -}}
{{- if or (hasPrefix "app.kubernetes.io/" $name) (eq $name "checksum/config") (hasPrefix "sagacart.dev/" $name) -}}
{{- fail (printf "%s.%s has %s, which the chart sets itself: Services and network policies select the pods by it." $path $labels $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $ours := list "tmp" "secrets" "database" "database-owner" "database-ca" "tls" "temporal-tls" "temporal-api-key" "database-cas" -}}
{{- $volumes := list -}}
{{- range $values.extraVolumes -}}
{{- if has .name (concat $ours $volumes) -}}
{{- fail (printf "%s.extraVolumes has a second volume %s: give it another name." $path .name) -}}
{{- end -}}
{{- $volumes = append $volumes .name -}}
{{- end -}}
{{- $places := list -}}
{{- range $values.extraVolumeMounts -}}
{{- if not (has .name $volumes) -}}
{{- fail (printf "%s.extraVolumeMounts names the volume %s, which is not in %s.extraVolumes." $path .name $path) -}}
{{- end -}}
{{- $place := trimSuffix "/" .mountPath -}}
{{- if or (has $place (append $places "/tmp")) (hasPrefix "/etc/sagacart" $place) (hasPrefix "/etc/temporal" $place) (eq $place "/app") (eq $place "") -}}
{{- fail (printf "%s.extraVolumeMounts has the mountPath %s, where the pod has something else." $path .mountPath) -}}
{{- end -}}
{{- $places = append $places $place -}}
{{- end -}}
{{- range $volumes -}}
{{- $volume := . -}}
{{- $isMounted := false -}}
{{- range $values.extraVolumeMounts -}}
{{- if eq .name $volume -}}{{- $isMounted = true -}}{{- end -}}
{{- end -}}
{{- if not $isMounted -}}
{{- fail (printf "%s.extraVolumes has the volume %s, which %s.extraVolumeMounts does not mount." $path $volume $path) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Checks of the variables in config, secret.keys and extraEnv against those that the service reads. */}}
{{- define "service.configChecks" -}}
{{- $name := include "service.name" . -}}
{{- $part := include "service.part" . | fromJson -}}
{{- $keys := (include "service.secretKeys" . | fromYaml).keys -}}
{{- if $part -}}
{{- $launcher := hasKey (include "service.givenConfig" . | fromJson) "LAUNCHER_ADDRESS" -}}
{{- range .Values.extraEnv -}}
{{- $launcher = or $launcher (eq .name "LAUNCHER_ADDRESS") -}}
{{- end -}}
{{- if $launcher -}}
{{- fail (printf "%s has LAUNCHER_ADDRESS, but a cluster has no launcher: it is of npm start alone, and can kill processes." $name) -}}
{{- end -}}
{{- $derived := dict "HOST" "" "PORT" "" "ADMIN_PORT" "" "ADMIN_TLS" "Set global.tls." "SHUTDOWN_DELAY_MS" "Set drain.delayMs." "DRAIN_TIMEOUT_MS" "Set drain.timeoutMs." "MAX_CONNECTION_AGE_MS" "Set maxConnectionAgeMs." "AUTH_ISSUER" "Set global.auth.issuer." "AUTH_JWKS_URL" "Set global.auth.jwksUrl." "AUTH_TOKEN_URL" "Set global.auth.tokenUrl." "AUTH_REVOCATIONS_URL" "" "SERVICE_CLIENT_ID" "" "ISSUER_URL" "Set global.publicUrl." "HTTP_PORT" "" "IDENTITY_HTTP_URL" "" "SURFACES_URL" "Set global.surfaces.enabled." "MAILBOX_SMTP_PORT" "" "MAILBOX_SMTP_HOST" "" "DATABASE_POOL_SIZE" "Set database.poolSize." "DATABASE_CA" "Set database.caSecret." "DATABASE_URL" "Set database.existingSecret." "DATABASE_OWNER_URL" "Set database.ownerSecret." "TLS_CA" "Set global.tls." "TLS_CERT" "Set global.tls." "TLS_KEY" "Set global.tls." "TLS_CLIENT_AUTH" "Set global.tls.clientAuth." "SERVE_TLS" "Set tls.serve." "OTEL_EXPORTER_OTLP_ENDPOINT" "Set global.otel.endpoint." "OTEL_EXPORTER_OTLP_PROTOCOL" "Set global.otel.protocol." "OTEL_EXPORTER_OTLP_CERTIFICATE" "" "OTEL_SERVICE_NAME" "" "OTEL_RESOURCE_ATTRIBUTES" "Set global.otel.resourceAttributes." "OTEL_TRACES_SAMPLER" "Set global.otel.sampleRatio." "OTEL_TRACES_SAMPLER_ARG" "Set global.otel.sampleRatio." -}}
{{- include "service.variableChecks" (dict "path" $name "values" .Values "global" .Values.global.config "given" (include "service.givenConfig" . | fromJson) "part" $part "derived" $derived "keys" $keys "root" .) -}}
{{- $config := include "service.config" . | fromYaml -}}
{{- $set := concat (keys $config) $keys -}}
{{- range .Values.extraEnv -}}
{{- $set = append $set .name -}}
{{- end -}}
{{- if .Values.database.enabled -}}
{{- $set = append $set "DATABASE_URL" -}}
{{- end -}}
{{- range $variable := $part.required -}}
{{- $isOff := and (eq (toString (get $config "AUTH")) "off") (or (hasPrefix "AUTH_" $variable) (hasPrefix "SERVICE_CLIENT_" $variable)) -}}
{{- if not (or $isOff (has $variable $set) (has (printf "%s_FILE" $variable) $set)) -}}
{{- if regexMatch "(SECRET|SECRETS|API_KEY)$" $variable -}}
{{- fail (printf "%s does not start without %s: put it into the Secret %s, and set %s.secret.keys.%s=true." $name $variable (include "service.secretName" $) $name $variable) -}}
{{- end -}}
{{- fail (printf "%s does not start without %s: set %s.config.%s, or put it into the Secret %s and set %s.secret.keys.%s=true." $name $variable $name $variable (include "service.secretName" $) $name $variable) -}}
{{- end -}}
{{- end -}}
{{- range $callee, $_ := $part.calls -}}
{{- $variable := printf "%s_ADDRESS" (upper $callee) -}}
{{- $address := get $config $variable -}}
{{- if ne $address (get (include "service.derivedConfig" $ | fromJson) $variable | default "") -}}
{{- if not (contains "." $address) -}}
{{- fail (printf "%s.config.%s is %q, where nothing of the release is: leave it, or name a host outside of the release." $name $variable $address) -}}
{{- end -}}
{{- if and $.Values.global.networkPolicy.enabled (not $.Values.networkPolicy.extraEgress) -}}
{{- fail (printf "%s.config.%s is outside of the release, and %s.networkPolicy.extraEgress is empty: the network policy would refuse the calls." $name $variable $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Checks variables by name. Arguments: path (of the part's values), values (with config and extraEnv), global (global.config),
given (both, filled in), part (its row of the table), derived (names that the chart sets, and what to set instead), keys (of
its Secret), root.
*/}}
{{- define "service.variableChecks" -}}
{{- $path := .path -}}
{{- $derived := .derived -}}
{{- $keys := .keys -}}
{{- $values := .values -}}
{{- $all := .part.variables -}}
{{- $everywhere := list -}}
{{- range $_, $part := include "service.table" .root | fromJson -}}
{{- $everywhere = concat $everywhere ($part.variables | default list) -}}
{{- end -}}
{{- range $variable, $value := .given -}}
{{- $isOwn := hasKey ($values.config | default dict) $variable -}}
{{- $place := ternary (printf "%s.config.%s" $path $variable) (printf "global.config.%s" $variable) $isOwn -}}
{{- $bare := trimSuffix "_FILE" $variable -}}
{{- $advice := "" -}}
{{- if or (hasKey $derived $variable) (hasKey $derived $bare) -}}
{{- fail (printf "%s is set: the chart derives it. %s" $place (get $derived (ternary $variable $bare (hasKey $derived $variable))) | trim) -}}
{{- end -}}
{{- if or (and (regexMatch "(SECRET|SECRETS|SECRETS_BEFORE|API_KEY|PASSWORD|SEED_USERS)$" $variable) (not (regexMatch "^SEED_WEAK_" $variable))) (regexMatch "://[^/@:]*:[^/@]+@" $value) -}}
{{- fail (printf "%s is a secret, which values never contain: put it into the part's Secret, and set secret.keys.%s=true." $place $variable) -}}
{{- end -}}
{{- include "service.knownVariable" (dict "place" $place "variable" $variable "known" (ternary $all $everywhere $isOwn) "whose" (ternary $path "a part of the shop" $isOwn)) -}}
{{- end -}}
{{- range $variable, $_ := (get .values "secret" | default dict).keys -}}
{{- include "service.knownVariable" (dict "place" (printf "%s.secret.keys.%s" $path $variable) "variable" $variable "known" $all "whose" $path) -}}
{{- end -}}
{{- $names := list -}}
{{- range $values.extraEnv -}}
{{- $place := printf "%s.extraEnv has %s" $path .name -}}
{{- if or (hasKey $derived .name) (hasKey $derived (trimSuffix "_FILE" .name)) (has (trimSuffix "_FILE" .name) $keys) -}}
{{- fail (printf "%s, which the chart sets itself." $place) -}}
{{- end -}}
{{- if has .name $names -}}
{{- fail (printf "%s twice." $place) -}}
{{- end -}}
{{- if hasKey ($values.config | default dict) .name -}}
{{- fail (printf "%s, which %s.config has, too." $place $path) -}}
{{- end -}}
{{- if eq (hasKey . "value") (hasKey . "valueFrom") -}}
{{- fail (printf "%s with both or neither of value and valueFrom." $place) -}}
{{- end -}}
{{- if and .value (regexMatch "(SECRET|SECRETS|SECRETS_BEFORE|API_KEY|PASSWORD|TOKEN|SEED_USERS)$" .name) -}}
{{- fail (printf "%s, a secret, which values never contain: use valueFrom.secretKeyRef." $place) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- end -}}

{{/* Fails if a process does not read a variable, and names the one that is most like it. Arguments: place, variable, known, whose. */}}
{{- define "service.knownVariable" -}}
{{- $variable := .variable -}}
{{- $bare := trimSuffix "_FILE" $variable -}}
{{- $isNodes := or (regexMatch "^(NODE|UV|OTEL|GRPC|SSL_CERT)_" $variable) (has $variable (list "TZ" "HTTP_PROXY" "HTTPS_PROXY" "NO_PROXY")) -}}
{{- if not (or (has $variable .known) (has $bare .known) $isNodes) -}}
{{- $nearest := "" -}}
{{- $best := 0 -}}
{{- range $known := .known -}}
{{- /* Pairs of letters that both have, less those that one has more than the other. */ -}}
{{- $likeness := sub 0 (max (sub (len $known) (len $variable)) (sub (len $variable) (len $known))) -}}
{{- range $at := until (int (sub (len $variable) 1)) -}}
{{- if contains (substr (int $at) (int (add $at 2)) $variable) $known -}}
{{- $likeness = add $likeness 2 -}}
{{- end -}}
{{- end -}}
{{- if gt (int $likeness) (int $best) -}}
{{- $best = $likeness -}}
{{- $nearest = $known -}}
{{- end -}}
{{- end -}}
{{- $hint := "" -}}
{{- if $nearest -}}{{- $hint = printf " Is it %s?" $nearest -}}{{- end -}}
{{- fail (printf "%s: %s has no variable %s.%s docs/configuration.md lists them; extraEnv takes any." .place .whose $variable $hint) -}}
{{- end -}}
{{- end -}}

{{/* Checks of the ports, and of what a headless Service cannot have. */}}
{{- define "service.portChecks" -}}
{{- $name := include "service.name" . -}}
{{- $part := include "service.part" . | fromJson -}}
{{- if $part -}}
{{- $protocol := ternary "grpc" "http" (eq $part.kind "service") -}}
{{- if ne .Values.protocol $protocol -}}
{{- fail (printf "%s.protocol is %s: the process serves %s." $name .Values.protocol $protocol) -}}
{{- end -}}
{{- end -}}
{{- $ports := list (int .Values.port) (int (include "service.adminPort" .)) -}}
{{- $names := list .Values.protocol "admin" -}}
{{- range .Values.extraPorts -}}
{{- if or (has (int .port) $ports) (has .name $names) -}}
{{- fail (printf "%s.extraPorts has a second port %d or a second name %s." $name (int .port) .name) -}}
{{- end -}}
{{- $ports = append $ports (int .port) -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- range $which, $port := $part.ports | default dict -}}
{{- if not (has (int $port) $ports) -}}
{{- if eq $which (ternary "grpc" "http" (eq $part.kind "service")) -}}
{{- fail (printf "%s.port is %d: the other parts of the release call it at %d. Leave it; a port of your own is that of the Ingress or the Gateway." $name (int $.Values.port) (int $port)) -}}
{{- end -}}
{{- fail (printf "%s.extraPorts lacks the port %d, which other parts of the release call." $name (int $port)) -}}
{{- end -}}
{{- end -}}
{{- if $part -}}
{{- if ne .Values.database.enabled (hasKey $part "database") -}}
{{- fail (printf "%s.database.enabled is %v: the process has %s database." $name .Values.database.enabled (ternary "a" "no" (hasKey $part "database"))) -}}
{{- end -}}
{{- if ne .Values.auth.callsServices (has "SERVICE_CLIENT_ID" $part.variables) -}}
{{- fail (printf "%s.auth.callsServices is %v: the process %s a token of its own." $name .Values.auth.callsServices (ternary "needs" "has no use for" (has "SERVICE_CLIENT_ID" $part.variables))) -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.protocol "grpc") (ne .Values.service.type "ClusterIP") -}}
{{- fail (printf "%s.service.type is %s, which only a service with protocol http can have: this one is headless, so that its callers resolve each pod." $name .Values.service.type) -}}
{{- end -}}
{{- end -}}

{{/* Checks of a database that the chart does not create. */}}
{{- define "service.databaseChecks" -}}
{{- $name := include "service.name" . -}}
{{- $database := .Values.database -}}
{{- $serving := printf "%s/%s" $database.existingSecret.name $database.existingSecret.key -}}
{{- $owner := printf "%s/%s" $database.ownerSecret.name $database.ownerSecret.key -}}
{{- if and .Values.global.production $database.enabled .Values.migrations.enabled $database.existingSecret.name (or (not $database.ownerSecret.name) (eq $serving $owner)) -}}
{{- fail (printf "%s.database.ownerSecret.name is %s, which global.production rejects: the service would connect as the owner of its database, and could change its schema. Set %s.database.existingSecret to the Secret of a role that only serves, and ownerSecret to that of the owner, which only the migrations get: k8s/README.md has the SQL for both roles." $name (ternary (printf "that of %s.database.existingSecret" $name) "not set" (not (empty $database.ownerSecret.name))) $name) -}}
{{- end -}}
{{- if and $database.enabled (include "service.hasOwnCluster" .) (ne (int $database.port) 5432) -}}
{{- fail (printf "%s.database.port is %d: the databases that the chart creates listen at 5432. For another Postgres, set %s.database.existingSecret.name, too." $name (int $database.port) $name) -}}
{{- end -}}
{{- if and $database.enabled (not (include "service.hasOwnCluster" .)) .Values.global.networkPolicy.enabled (not $database.peers) -}}
{{- fail (printf "%s.database.peers is empty, and %s.database.existingSecret.name is set: the network policy would refuse the connections. Set it to where this Postgres listens, for example [{ipBlock: {cidr: 10.1.2.3/32}}]." $name $name) -}}
{{- end -}}
{{- end -}}

{{/* The number of seconds of a duration such as 1h30m. */}}
{{- define "service.seconds" -}}
{{- $seconds := 0.0 -}}
{{- range regexFindAll "[0-9]+(ms|s|m|h)" (toString .) -1 -}}
{{- $number := regexFind "^[0-9]+" . | float64 -}}
{{- $seconds = addf $seconds (mulf $number (get (dict "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0) (regexFind "[a-z]+$" .))) -}}
{{- end -}}
{{- $seconds -}}
{{- end -}}

{{/* The number that a quantity such as 500m or 1.5Gi is. */}}
{{- define "service.quantity" -}}
{{- $text := toString . -}}
{{- $units := dict "" 1.0 "m" 0.001 "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 -}}
{{- $unit := regexFind "[A-Za-z]*$" $text -}}
{{- if not (hasKey $units $unit) -}}
{{- fail (printf "%q is no quantity of Kubernetes, such as 500m or 1.5Gi." $text) -}}
{{- end -}}
{{- mulf (trimSuffix $unit $text | float64) (get $units $unit) -}}
{{- end -}}

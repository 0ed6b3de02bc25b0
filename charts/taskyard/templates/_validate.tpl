{{/* Checks of combinations of values; values.schema.json validates single values. */}}

{{- define "taskyard.validate" -}}
{{- include "taskyard.checkStore" . -}}
{{- include "taskyard.checkDurability" . -}}
{{- include "taskyard.checkPools" . -}}
{{- with .Values.tracing -}}
{{- if and .headersSecret (not .endpoint) -}}
{{- fail "tracing.headersSecret is set, but there is nowhere to send traces: set tracing.endpoint, or leave it out" -}}
{{- end -}}
{{- end -}}
{{- with .Values.api.autoscaling -}}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) -}}
{{- fail "api.autoscaling.minReplicas must not be more than maxReplicas" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "taskyard.checkStore" -}}
{{- $external := .Values.externalRedis -}}
{{- if and .Values.valkey.enabled $external.url -}}
{{- fail "externalRedis.url is set while valkey.enabled is true: set valkey.enabled to false, or leave the url out" -}}
{{- end -}}
{{- if and (not .Values.valkey.enabled) (not $external.url) -}}
{{- fail "there is no store: set externalRedis.url, or valkey.enabled to true" -}}
{{- end -}}
{{- if and $external.tls.caSecret (not (hasPrefix "rediss" $external.url)) -}}
{{- fail "externalRedis.tls.caSecret is for TLS: let externalRedis.url begin with rediss" -}}
{{- end -}}
{{- if and $external.username (not $external.existingSecret) -}}
{{- fail "externalRedis.username needs a password: name the Secret that has it in externalRedis.existingSecret" -}}
{{- end -}}
{{- end -}}

{{- define "taskyard.checkDurability" -}}
{{- $durability := .Values.api.settings.durability | toString -}}
{{- if and .Values.valkey.enabled (hasPrefix "replicas:" $durability) -}}
{{- fail (printf "api.settings.durability is %s, but the chart's Valkey has no replica: use externalRedis, or set it to memory or fsync" $durability) -}}
{{- end -}}
{{- if and .Values.valkey.enabled (eq $durability "fsync") (not .Values.valkey.persistence.enabled) -}}
{{- fail "api.settings.durability is fsync, but nothing is kept on a volume: set valkey.persistence.enabled to true" -}}
{{- end -}}
{{- end -}}

{{- define "taskyard.checkPools" -}}
{{- $names := list -}}
{{- range .Values.workers -}}
{{- if has .name $names -}}
{{- fail (printf "workers: there are two pools with the name %s; give each its own" .name) -}}
{{- end -}}
{{- $names = append $names .name -}}
{{- end -}}
{{- end -}}

{{/* Checks of each Deployment. */}}
{{- define "taskyard.checkWorkload" -}}
{{- $where := .pool | empty | ternary .component (printf "workers[%s]" .pool) -}}
{{- $least := add (int .values.preStopSeconds) (int .values.drainSeconds) -}}
{{- if le (int (include "taskyard.grace" .)) (int $least) -}}
{{- fail (printf "%s.terminationGracePeriodSeconds must be more than preStopSeconds + drainSeconds (%d), or pods are killed while they drain" $where $least) -}}
{{- end -}}
{{- $budget := .values.podDisruptionBudget -}}
{{- if and $budget.enabled (eq (kindIs "invalid" $budget.minAvailable) (kindIs "invalid" $budget.maxUnavailable)) -}}
{{- fail (printf "%s.podDisruptionBudget takes one of minAvailable and maxUnavailable; set the other to null" $where) -}}
{{- end -}}
{{- if eq .component "worker" -}}
{{- if and .values.autoscaling.enabled (not .root.Values.controller.enabled) -}}
{{- fail (printf "%s.autoscaling.enabled needs the controller: set controller.enabled to true" $where) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
WorkerPools of the release. At the first install their kind does not exist yet, and Helm resolves every kind before it
creates the CustomResourceDefinition. A hook then creates them afterwards, with the annotations by which the next upgrade
adopts them into the release.
*/}}
{{- define "taskyard.poolsByHook" -}}
{{- if not (.Capabilities.APIVersions.Has "taskyard.dev/v1alpha1/WorkerPool") -}}
true
{{- end -}}
{{- end -}}

{{- define "taskyard.workerPool" -}}
{{- $known := dict
  "scaleTargetRef" (dict "apiVersion" "apps/v1" "kind" "Deployment" "name" (include "taskyard.componentName" .))
  "queues" (include "taskyard.queueNames" .values.queues | splitList ",")
  "slotsPerReplica" (int .values.slots)
-}}
{{- $metrics := .values.autoscaling.pool.metrics | default dict -}}
{{- if not $metrics.endpoint -}}
{{- $key := ternary "workersEndpoint" "endpoint" (hasKey $metrics "prometheus") -}}
{{- $path := ternary "/api/v1/workers" "/metrics" (hasKey $metrics "prometheus") -}}
{{- $known = set $known "metrics" (dict $key (printf "%s%s" (include "taskyard.apiUrl" .root) $path)) -}}
{{- end -}}
{{- if gt (int .values.autoscaling.pool.minReplicas) (int .values.autoscaling.pool.maxReplicas) -}}
{{- fail (printf "workers[%s].autoscaling.pool.minReplicas must not be more than maxReplicas" .pool) -}}
{{- end -}}
apiVersion: taskyard.dev/v1alpha1
kind: WorkerPool
metadata:
  name: {{ include "taskyard.componentName" . }}
  labels: {{- include "taskyard.labels" . | nindent 4 }}
  {{- if include "taskyard.poolsByHook" .root }}
  annotations:
    helm.sh/hook: post-install,post-upgrade
    helm.sh/hook-weight: "1"
    meta.helm.sh/release-name: {{ .root.Release.Name }}
    meta.helm.sh/release-namespace: {{ .root.Release.Namespace }}
  {{- end }}
spec: {{- merge (deepCopy .values.autoscaling.pool) $known | toYaml | nindent 2 }}
{{- end -}}

{{/* URL of the API for the controller, which may run in another namespace. */}}
{{- define "taskyard.apiUrl" -}}
{{- printf "http://%s-api.%s.svc:%d" (include "taskyard.fullname" .) .Release.Namespace (int .Values.api.service.port) -}}
{{- end -}}

{{/* Queues without weights, comma-separated. */}}
{{- define "taskyard.queueNames" -}}
{{- $names := list -}}
{{- range . -}}
{{- $names = append $names (splitList ":" . | first) -}}
{{- end -}}
{{- join "," $names -}}
{{- end -}}

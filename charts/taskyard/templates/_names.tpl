{{/*
Names and labels. The argument of templates for a component is
  (dict "root" $ "component" "api" "values" .Values.api), with "pool" and the pool's name for a worker.
*/}}

{{- define "taskyard.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* Prefix of all object names, short enough for every suffix of the chart. */}}
{{- define "taskyard.fullname" -}}
{{- $name := include "taskyard.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "taskyard.chart" -}}
{{- printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* The name of a component's objects: taskyard-api, taskyard-worker-default. */}}
{{- define "taskyard.componentName" -}}
{{- $parts := list (include "taskyard.fullname" .root) .component -}}
{{- if .pool -}}
{{- $parts = append $parts .pool -}}
{{- end -}}
{{- join "-" $parts -}}
{{- end -}}

{{/* The name of the controller's Role, or with the scope `cluster` of its ClusterRole. */}}
{{- define "taskyard.controllerRole" -}}
{{- $name := include "taskyard.componentName" (dict "root" . "component" "controller") -}}
{{- eq .Values.controller.scope "cluster" | ternary (printf "%s-%s" .Release.Namespace $name) $name -}}
{{- end -}}

{{/* Selector labels of a component. Never change them: selectors of Deployments are immutable. */}}
{{- define "taskyard.selectorLabels" -}}
app.kubernetes.io/name: {{ include "taskyard.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- with .pool }}
taskyard.dev/pool: {{ . }}
{{- end }}
{{- end -}}

{{- define "taskyard.labels" -}}
{{ include "taskyard.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: taskyard
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ include "taskyard.chart" .root }}
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of pods, without the chart's version, which would restart otherwise unchanged pods. */}}
{{- define "taskyard.podLabels" -}}
{{ include "taskyard.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/part-of: taskyard
{{- with .root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- with .values.podLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* All pools share one ServiceAccount. */}}
{{- define "taskyard.serviceAccountName" -}}
{{- $made := include "taskyard.componentName" (omit . "pool") -}}
{{- .values.serviceAccount.name | default (ternary $made "default" .values.serviceAccount.create) -}}
{{- end -}}

{{- define "taskyard.image" -}}
{{- $image := .values.image -}}
{{- $registry := $image.registry | default .root.Values.global.imageRegistry -}}
{{- $path := $image.repository -}}
{{- if $registry -}}
{{- $path = printf "%s/%s" $registry $path -}}
{{- end -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $path $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $path ($image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

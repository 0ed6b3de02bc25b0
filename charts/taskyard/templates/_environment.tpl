{{/* Environment variables of the services. */}}

{{/* A value of an environment variable: numbers without exponent, lists comma-separated. */}}
{{- define "taskyard.envValue" -}}
{{- if kindIs "slice" . -}}
{{- join "," . -}}
{{- else if kindIs "float64" . -}}
{{- if eq . (floor .) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- else -}}
{{- toString . -}}
{{- end -}}
{{- end -}}

{{/* Settings as variables: (dict "prefix" "TASKYARD_API_" "settings" (dict "maxPayload" "1MiB")). */}}
{{- define "taskyard.settings" -}}
{{- range $key, $value := .settings }}
{{- if not (kindIs "invalid" $value) }}
- name: {{ $.prefix }}{{ $key | snakecase | upper }}
  value: {{ include "taskyard.envValue" $value | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "taskyard.logEnv" -}}
- name: TASKYARD_LOG_LEVEL
  value: {{ .Values.log.level }}
- name: TASKYARD_LOG_FORMAT
  value: {{ .Values.log.format }}
{{- end -}}

{{/* Variables of the component: those the chart derives from other values, then its settings. */}}
{{- define "taskyard.componentEnv" -}}
{{- $prefix := printf "TASKYARD_%s_" (upper .component) }}
{{- if eq .component "api" }}
- name: TASKYARD_API_HOST
  value: {{ .root.Values.bindAddress | quote }}
- name: TASKYARD_API_PORT
  value: "8080"
{{- else }}
- name: {{ $prefix }}PROBE_HOST
  value: {{ .root.Values.bindAddress | quote }}
- name: {{ $prefix }}PROBE_PORT
  value: "9090"
{{- end }}
{{- if has .component (list "api" "worker") }}
- name: {{ $prefix }}DRAIN
  value: {{ int .values.drainSeconds }}s
{{- end }}
{{- if eq .component "worker" }}
- name: TASKYARD_WORKER_QUEUES
  value: {{ join "," .values.queues | quote }}
- name: TASKYARD_WORKER_SLOTS
  value: {{ int .values.slots | quote }}
{{- end }}
{{- if and (eq .component "controller") (eq .values.scope "cluster") }}
- name: TASKYARD_CONTROLLER_NAMESPACES
  value: "*"
{{- end }}
{{- $settings := .values.settings }}
{{- if eq .component "controller" }}
{{- $defaults := dict "metricsEndpoint" (printf "%s/metrics" (include "taskyard.apiUrl" .root)) "role" (include "taskyard.controllerRole" .root) }}
{{- $settings = merge (deepCopy $settings) $defaults }}
{{- end }}
{{- include "taskyard.settings" (dict "prefix" $prefix "settings" $settings) }}
{{- end -}}

{{/* All variables of a component. A duplicate in `extraEnv` is an error, because it is undefined which value would apply. */}}
{{- define "taskyard.env" -}}
{{- $own := include "taskyard.logEnv" .root }}
{{- if ne .component "controller" }}
{{- $own = printf "%s\n%s" $own (include "taskyard.redisEnv" .root | trim) }}
{{- end }}
{{- $own = printf "%s\n%s" $own (include "taskyard.componentEnv" . | trim) }}
{{- with include "taskyard.tracingEnv" .root | trim }}
{{- $own = printf "%s\n%s" $own . }}
{{- end }}
{{- $names := list }}
{{- range fromYamlArray $own }}
{{- $names = append $names .name }}
{{- end }}
{{- range .values.extraEnv }}
{{- if has .name $names }}
{{- fail (printf "%s.extraEnv: %s is set by the chart; use its value instead (settings, log, redisClient, drainSeconds and others)" $.component .name) }}
{{- end }}
{{- end }}
{{- $own }}
{{- with .values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

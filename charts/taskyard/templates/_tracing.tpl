{{/* Exporter and sampler of traces. */}}

{{- define "taskyard.tracingEnv" -}}
{{- $tracing := .Values.tracing }}
{{- if $tracing.endpoint }}
- name: OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ $tracing.endpoint | quote }}
- name: OTEL_EXPORTER_OTLP_PROTOCOL
  value: {{ $tracing.protocol }}
- name: OTEL_TRACES_SAMPLER
  value: {{ $tracing.sampler }}
- name: OTEL_TRACES_SAMPLER_ARG
  value: {{ $tracing.ratio | quote }}
{{- if $tracing.headersSecret }}
- name: OTEL_EXPORTER_OTLP_HEADERS_FILE
  value: /run/secrets/taskyard/otlp/headers
{{- end }}
- name: K8S_NAMESPACE_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
- name: K8S_POD_NAME
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
- name: K8S_POD_UID
  valueFrom: {fieldRef: {fieldPath: metadata.uid}}
- name: K8S_NODE_NAME
  valueFrom: {fieldRef: {fieldPath: spec.nodeName}}
- name: OTEL_RESOURCE_ATTRIBUTES
  value: {{ include "taskyard.resourceAttributes" . | quote }}
{{- end }}
{{- end -}}

{{/* Resource attributes: those of Kubernetes first, then the user's, percent-encoded. */}}
{{- define "taskyard.resourceAttributes" -}}
{{- $attributes := list "k8s.namespace.name=$(K8S_NAMESPACE_NAME)" "k8s.pod.name=$(K8S_POD_NAME)" -}}
{{- $attributes = concat $attributes (list "k8s.pod.uid=$(K8S_POD_UID)" "k8s.node.name=$(K8S_NODE_NAME)") -}}
{{- range $name, $value := .Values.tracing.resourceAttributes -}}
{{- $attributes = append $attributes (printf "%s=%s" $name ($value | urlquery | replace "+" "%20")) -}}
{{- end -}}
{{- join "," $attributes -}}
{{- end -}}

{{- define "taskyard.tracingVolumes" -}}
{{- $tracing := .Values.tracing }}
{{- if and $tracing.endpoint $tracing.headersSecret }}
- name: otlp
  secret:
    secretName: {{ $tracing.headersSecret }}
    defaultMode: 0440
    items:
      - {key: {{ $tracing.headersSecretKey }}, path: headers}
{{- end }}
{{- end -}}

{{- define "taskyard.tracingVolumeMounts" -}}
{{- if and .Values.tracing.endpoint .Values.tracing.headersSecret }}
- {name: otlp, mountPath: /run/secrets/taskyard/otlp, readOnly: true}
{{- end }}
{{- end -}}

{{/* Egress to the collector; empty without tracing. */}}
{{- define "taskyard.collectorEgress" -}}
{{- if .Values.tracing.endpoint -}}
- ports:
    {{- range .Values.networkPolicy.collectorPorts }}
    - {port: {{ int . }}, protocol: TCP}
    {{- end }}
  {{- with .Values.networkPolicy.collectorTo }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end -}}

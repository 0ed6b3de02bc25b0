{{/* Parts of NetworkPolicies. Egress rules use port numbers, because not every network plugin resolves named ports of other pods. */}}

{{/* (dict "root" $ "component" "api" "values" ... "ingress" "text" "egress" "text") */}}
{{- define "taskyard.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "taskyard.componentName" . }}
  labels: {{- include "taskyard.labels" . | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "taskyard.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  {{- with trim .ingress }}
  ingress: {{- . | nindent 4 }}
  {{- end }}
  {{- with trim .egress }}
  egress: {{- . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Pods of this release: (dict "root" $ "components" (list "api")) */}}
{{- define "taskyard.peer" -}}
- podSelector:
    matchLabels:
      app.kubernetes.io/name: {{ include "taskyard.name" .root }}
      app.kubernetes.io/instance: {{ .root.Release.Name }}
    matchExpressions:
      - {key: app.kubernetes.io/component, operator: In, values: {{ toJson .components }}}
{{- end -}}

{{- define "taskyard.dnsEgress" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- end -}}

{{- define "taskyard.storeEgress" -}}
{{- $policy := .Values.networkPolicy -}}
{{- if .Values.valkey.enabled -}}
- ports:
    - {port: 6379, protocol: TCP}
  to: {{- include "taskyard.peer" (dict "root" . "components" (list "valkey")) | nindent 4 }}
{{- else -}}
- ports:
    {{- range $policy.externalRedisPorts }}
    - {port: {{ int . }}, protocol: TCP}
    {{- end }}
  {{- with $policy.externalRedisTo }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}
{{- end -}}

{{/*
Pods of every release: the leader among a namespace's controllers reconciles the pools of all releases and calls their APIs.
(dict "components" (list "api"))
*/}}
{{- define "taskyard.anyonesPeer" -}}
- podSelector:
    matchLabels:
      app.kubernetes.io/part-of: taskyard
    matchExpressions:
      - {key: app.kubernetes.io/component, operator: In, values: {{ toJson .components }}}
{{- end -}}

{{/* Egress of the controller besides DNS: the Kubernetes API, and the APIs of the pools in any namespace. */}}
{{- define "taskyard.controllerEgress" -}}
{{ include "taskyard.kubernetesEgress" . }}
- ports:
    - {port: 8080, protocol: TCP}
  to: {{- include "taskyard.anyonesPeer" (dict "components" (list "api")) | nindent 4 }}
      {{- if eq .Values.controller.scope "cluster" }}
      namespaceSelector: {}
      {{- end }}
{{- with .Values.networkPolicy.controllerEgress }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "taskyard.apiEgress" -}}
- ports:
    - {port: 8080, protocol: TCP}
  to: {{- include "taskyard.peer" (dict "root" . "components" (list "api")) | nindent 4 }}
{{- end -}}

{{- define "taskyard.kubernetesEgress" -}}
- ports:
    {{- range .Values.networkPolicy.kubernetesApiPorts }}
    - {port: {{ int . }}, protocol: TCP}
    {{- end }}
  {{- with .Values.networkPolicy.kubernetesApiTo }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Scrapes of scheduler, workers and controller. Probes of the kubelet need no rule. */}}
{{- define "taskyard.metricsIngress" -}}
- ports:
    - {port: probes, protocol: TCP}
  {{- with .Values.networkPolicy.metricsFrom }}
  from: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end -}}

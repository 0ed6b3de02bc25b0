{{- define "taskyard.deployment" -}}
{{- include "taskyard.checkWorkload" . -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "taskyard.componentName" . }}
  labels: {{- include "taskyard.labels" . | nindent 4 }}
spec:
  {{- if not .scaled }}
  replicas: {{ int .values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  strategy:
    rollingUpdate: {maxSurge: 25%, maxUnavailable: 0}
  selector:
    matchLabels: {{- include "taskyard.selectorLabels" . | nindent 6 }}
  template:
    metadata:
      labels: {{- include "taskyard.podLabels" . | nindent 8 }}
      {{- with .values.podAnnotations }}
      annotations: {{- toYaml . | nindent 8 }}
      {{- end }}
    spec: {{- include "taskyard.podSpec" . | nindent 6 }}
{{- end -}}

{{- define "taskyard.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "taskyard.serviceAccountName" . }}
  labels: {{- include "taskyard.labels" . | nindent 4 }}
  {{- with .values.serviceAccount.annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: false
{{- end -}}

{{- define "taskyard.podDisruptionBudget" -}}
{{- $budget := .values.podDisruptionBudget -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ include "taskyard.componentName" . }}
  labels: {{- include "taskyard.labels" . | nindent 4 }}
spec:
  {{- if not (kindIs "invalid" $budget.minAvailable) }}
  minAvailable: {{ $budget.minAvailable }}
  {{- else }}
  maxUnavailable: {{ $budget.maxUnavailable }}
  {{- end }}
  # A pod that is not ready does not block the drain of its node.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels: {{- include "taskyard.selectorLabels" . | nindent 6 }}
{{- end -}}

{{/* The pods of the services. */}}

{{/* Objects of every component: Deployment, ServiceAccount and PodDisruptionBudget. */}}

{{- define "taskyard.port" -}}
{{ eq .component "api" | ternary "http" "probes" }}
{{- end -}}

{{- define "taskyard.podSpec" -}}
serviceAccountName: {{ include "taskyard.serviceAccountName" . }}
automountServiceAccountToken: {{ eq .component "controller" }}
enableServiceLinks: false
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
terminationGracePeriodSeconds: {{ include "taskyard.grace" . }}
securityContext: {{- toYaml .values.podSecurityContext | nindent 2 }}
containers:
  - name: {{ .component }}
    image: {{ include "taskyard.image" . }}
    imagePullPolicy: {{ .values.image.pullPolicy }}
    env: {{- include "taskyard.env" . | nindent 6 }}
    {{- with .values.extraEnvFrom }}
    envFrom: {{- toYaml . | nindent 6 }}
    {{- end }}
    ports:
      - {name: {{ include "taskyard.port" . }}, containerPort: {{ eq .component "api" | ternary 8080 9090 }}, protocol: TCP}
    {{- include "taskyard.probes" . | nindent 4 }}
    {{- if .values.preStopSeconds }}
    lifecycle:
      preStop: {sleep: {seconds: {{ int .values.preStopSeconds }}}}
    {{- end }}
    resources: {{- toYaml .values.resources | nindent 6 }}
    securityContext: {{- toYaml .values.securityContext | nindent 6 }}
    volumeMounts: {{- include "taskyard.volumeMounts" . | nindent 6 }}
volumes: {{- include "taskyard.volumes" . | nindent 2 }}
topologySpreadConstraints: {{- include "taskyard.topologySpread" . | nindent 2 }}
{{- with .values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Seconds between the deletion of a pod and SIGKILL. */}}
{{- define "taskyard.grace" -}}
{{- $least := add (int .values.preStopSeconds) (int .values.drainSeconds) -}}
{{- kindIs "invalid" .values.terminationGracePeriodSeconds | ternary (add $least 10) (int .values.terminationGracePeriodSeconds) -}}
{{- end -}}

{{- define "taskyard.probes" -}}
{{- $port := include "taskyard.port" . -}}
startupProbe:
  httpGet: {path: /live, port: {{ $port }}}
  {{- toYaml .values.probes.startup | nindent 2 }}
livenessProbe:
  httpGet: {path: /live, port: {{ $port }}}
  {{- toYaml .values.probes.liveness | nindent 2 }}
readinessProbe:
  httpGet: {path: {{ eq .component "api" | ternary "/ready/local" "/ready" }}, port: {{ $port }}}
  {{- toYaml .values.probes.readiness | nindent 2 }}
{{- end -}}

{{- define "taskyard.volumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 1Gi}
{{- if ne .component "controller" }}
{{- include "taskyard.redisVolumes" .root }}
{{- end }}
{{- include "taskyard.tracingVolumes" .root }}
{{- with .values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "taskyard.volumeMounts" -}}
- {name: tmp, mountPath: /tmp}
{{- if ne .component "controller" }}
{{- include "taskyard.redisVolumeMounts" .root }}
{{- end }}
{{- include "taskyard.tracingVolumeMounts" .root }}
{{- with .values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "taskyard.topologySpread" -}}
{{- if .values.topologySpreadConstraints -}}
{{ toYaml .values.topologySpreadConstraints }}
{{- else -}}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- topologyKey: {{ . }}
  maxSkew: 1
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "taskyard.selectorLabels" $ | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end }}
{{- end }}
{{- end -}}

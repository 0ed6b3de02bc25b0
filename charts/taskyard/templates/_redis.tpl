{{/* Connection of the services to the store. */}}

{{/* Variables with the URL of the store and the files of its password and certificates. */}}
{{- define "taskyard.redisEnv" -}}
{{- $external := .Values.externalRedis }}
- name: TASKYARD_REDIS_URL
  value: {{ ternary (printf "redis://%s-valkey:6379/0" (include "taskyard.fullname" .)) $external.url .Values.valkey.enabled | quote }}
{{- if include "taskyard.redisSecret" . }}
- name: TASKYARD_REDIS_PASSWORD_FILE
  value: /run/secrets/taskyard/redis/password
{{- end }}
{{- if not .Values.valkey.enabled }}
{{- with $external.username }}
- name: TASKYARD_REDIS_USERNAME
  value: {{ . | quote }}
{{- end }}
{{- if $external.tls.caSecret }}
- name: TASKYARD_REDIS_TLS_CA_FILE
  value: /run/secrets/taskyard/redis-ca/ca.crt
{{- end }}
{{- end }}
{{- include "taskyard.settings" (dict "prefix" "TASKYARD_REDIS_" "settings" .Values.redisClient) }}
{{- end -}}

{{/* Name of the Secret with the store's password; empty without a password. */}}
{{- define "taskyard.redisSecret" -}}
{{- if .Values.valkey.enabled -}}
{{- .Values.valkey.auth.existingSecret | default (printf "%s-valkey" (include "taskyard.fullname" .)) -}}
{{- else -}}
{{- .Values.externalRedis.existingSecret -}}
{{- end -}}
{{- end -}}

{{- define "taskyard.redisVolumes" -}}
{{- $external := .Values.externalRedis }}
{{- with include "taskyard.redisSecret" . }}
- name: redis
  secret:
    secretName: {{ . }}
    defaultMode: 0440
    items:
      - {key: {{ ternary $.Values.valkey.auth.existingSecretKey $external.existingSecretKey $.Values.valkey.enabled }}, path: password}
{{- end }}
{{- if and (not .Values.valkey.enabled) $external.tls.caSecret }}
- name: redis-ca
  secret:
    secretName: {{ $external.tls.caSecret }}
    defaultMode: 0440
    items:
      - {key: {{ $external.tls.caSecretKey }}, path: ca.crt}
{{- end }}
{{- end -}}

{{- define "taskyard.redisVolumeMounts" -}}
{{- if include "taskyard.redisSecret" . }}
- {name: redis, mountPath: /run/secrets/taskyard/redis, readOnly: true}
{{- end }}
{{- if and (not .Values.valkey.enabled) .Values.externalRedis.tls.caSecret }}
- {name: redis-ca, mountPath: /run/secrets/taskyard/redis-ca, readOnly: true}
{{- end }}
{{- end -}}

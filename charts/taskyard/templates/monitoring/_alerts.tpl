{{/* Base URL of the runbooks in the files of the chart. */}}
{{- define "taskyard.runbooks" -}}
https://taskyard.dev/docs/operations/runbooks
{{- end }}

{{/*
A file of dashboards or rules, with the base URL of the runbooks from the values.
Argument: a dict of root, path.
*/}}
{{- define "taskyard.monitoringFile" -}}
{{- .root.Files.Get .path | replace (include "taskyard.runbooks" .) .root.Values.monitoring.runbookUrl }}
{{- end }}

{{/*
A rule as YAML with the overrides of the values; empty if they disable it.
Argument: a dict of rule, changes.
*/}}
{{- define "taskyard.rule" -}}
{{- $rule := .rule }}
{{- with get .changes (default "" $rule.alert) }}
{{- if hasKey . "threshold" }}
{{- $ending := "([<>]=?) *[0-9.]+$" }}
{{- if not (regexMatch $ending $rule.expr) }}
{{- fail (printf "monitoring.prometheusRule.alerts.%s.threshold: this alert has no single threshold; write a rule of your own" $rule.alert) }}
{{- end }}
{{- $_ := set $rule "expr" (regexReplaceAll $ending $rule.expr (printf "${1} %v" .threshold)) }}
{{- end }}
{{- with .for }}
{{- $_ := set $rule "for" . }}
{{- end }}
{{- with .severity }}
{{- $_ := set $rule.labels "severity" . }}
{{- end }}
{{- if eq (toString .enabled) "false" }}
{{- $rule = dict }}
{{- end }}
{{- end }}
{{- with $rule }}
{{- toYaml . }}
{{- end }}
{{- end }}

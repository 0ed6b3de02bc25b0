{{/* Owner of a CustomResourceDefinition: "" if it does not exist, "none" if no release owns it. Argument: its name. */}}
{{- define "taskyard.crdOwner" -}}
{{- with lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" . -}}
{{- $owner := dig "metadata" "annotations" dict . -}}
{{- if index $owner "meta.helm.sh/release-name" -}}
{{- printf "%s/%s" (index $owner "meta.helm.sh/release-namespace") (index $owner "meta.helm.sh/release-name") -}}
{{- else -}}
none
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether a release still exists: every one has Deployments, which carry its name. Argument: namespace/name. */}}
{{- define "taskyard.releaseExists" -}}
{{- $release := splitList "/" . -}}
{{- range (lookup "apps/v1" "Deployment" (first $release) "").items -}}
{{- if eq (dig "metadata" "annotations" "meta.helm.sh/release-name" "" .) (last $release) -}}
true
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Whether the release installs the CustomResourceDefinition: false if it exists and belongs to another release. */}}
{{- define "taskyard.bringsCrd" -}}
{{- $owner := include "taskyard.crdOwner" .name -}}
{{- if and .root.Values.crds.install (has $owner (list "" (printf "%s/%s" .root.Release.Namespace .root.Release.Name))) -}}
true
{{- end -}}
{{- end -}}

#!/usr/bin/env bash
# Builds a base image from Debian packages, for machines that cannot pull images. Requires root, podman and debootstrap.
#   deploy/docker/make-base.sh NAME        then: make images BASE=NAME
set -euo pipefail
name="${1:?the name of the image}"
release="$(. /etc/os-release && echo "$VERSION_CODENAME")"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
# Use the package mirror of this machine, if it is configured.
mirror="$(apt-get indextargets --format '$(REPO_URI)' "Codename: $release" 2>/dev/null | head -n 1)"
debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates "$release" "$folder" ${mirror:+"$mirror"}
tar -C "$folder" -c . | podman import - "$name"

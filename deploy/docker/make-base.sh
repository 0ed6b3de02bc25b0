#!/usr/bin/env bash
# Makes a base image out of Debian's packages, for machines that can pull no image: needs root, podman and debootstrap.
#   deploy/docker/make-base.sh NAME        then: make images BASE=NAME
set -euo pipefail
name="${1:?the name of the image}"
release="$(. /etc/os-release && echo "$VERSION_CODENAME")"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
# Where this machine's own packages come from, if it says so.
mirror="$(apt-get indextargets --format '$(REPO_URI)' "Codename: $release" 2>/dev/null | head -n 1)"
debootstrap --variant=minbase --include=python3,python3-venv,python3-pip,ca-certificates "$release" "$folder" ${mirror:+"$mirror"}
tar -C "$folder" -c . | podman import - "$name"

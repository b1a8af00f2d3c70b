#!/usr/bin/env bash
# The universal image's base under its public name, for a machine without an image registry: made from the
# distribution's own packages. With a registry nobody needs this: the build pulls the published image.
set -euo pipefail

SUITE=trixie
IMAGE=debian:trixie-slim
# What the published slim image leaves out, too: documentation and translations, but no licences.
LEFT_OUT=(/usr/share/doc /usr/share/man /usr/share/info /usr/share/locale /usr/share/lintian)

fail() { echo "base-image: $*" >&2; exit 1; }

docker version >/dev/null 2>&1 || fail 'no Docker engine answers: `make engine` starts one (as root)'
if docker image inspect "$IMAGE" >/dev/null 2>&1; then echo "$IMAGE is there"; exit 0; fi
[ "$(id -u)" = 0 ] || fail "making $IMAGE needs root"
if ! command -v mmdebstrap >/dev/null; then
    command -v apt-get >/dev/null || fail "no mmdebstrap here and no apt-get to install it: docker pull $IMAGE"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends mmdebstrap debian-archive-keyring >/dev/null
fi
options=()
for path in "${LEFT_OUT[@]}"; do options+=("--dpkgopt=path-exclude=$path/*"); done
options+=("--dpkgopt=path-include=/usr/share/doc/*/copyright")
# Like the published one: whatever is installed into it later leaves neither packages nor caches behind.
options+=('--aptopt=DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; }')
options+=('--aptopt=Dir::Cache::pkgcache ""' '--aptopt=Dir::Cache::srcpkgcache ""')
options+=('--aptopt=Acquire::Languages "none"')
# By a file and not by a pipe: the engine would take half an archive for an image.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mmdebstrap --quiet --variant=minbase "${options[@]}" "$SUITE" "$scratch/base.tar"
docker import --change 'CMD ["bash"]' "$scratch/base.tar" "$IMAGE" >/dev/null
echo "made $IMAGE: $(docker image inspect --format '{{.Size}}' "$IMAGE") bytes"

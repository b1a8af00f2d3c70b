#!/usr/bin/env bash
# `docker compose` on this machine: one that works is left as it is, else the distribution's plugin is installed,
# taken from the release that the images are made of, because the one before has none.
set -euo pipefail

BASE=debian:trixie-slim
PACKAGE=docker-compose
PLUGIN=./usr/libexec/docker/cli-plugins/docker-compose

fail() { echo "compose-plugin: $*" >&2; exit 1; }
told() { echo "compose $(docker compose version --short) is there"; }

command -v docker >/dev/null || fail 'there is no docker command: `make engine` installs one (as root)'
if docker compose version >/dev/null 2>&1; then told; exit 0; fi
docker version >/dev/null 2>&1 || fail 'no Docker engine answers: `make engine` starts one (as root)'
docker image inspect "$BASE" >/dev/null 2>&1 || docker pull --quiet "$BASE" >/dev/null 2>&1 \
    || fail "the image $BASE is missing: \`make base-image\` makes it (as root)"
if [ "$(id -u)" = 0 ]; then
    directory=/usr/local/lib/docker/cli-plugins
else
    directory=${DOCKER_CONFIG:-$HOME/.docker}/cli-plugins
fi
mkdir -p "$directory"
scratch=$(mktemp "$directory/.docker-compose.XXXXXX")
trap 'rm -f "$scratch"' EXIT
# Half a program must not get its name.
docker run --rm "$BASE" bash -c "set -eo pipefail
    cd /tmp
    apt-get update -qq >&2
    apt-get download -qq $PACKAGE >&2
    dpkg-deb --fsys-tarfile ${PACKAGE}_*.deb | tar -xO $PLUGIN" >"$scratch" \
    || fail "the package $PACKAGE cannot be fetched: install Docker's compose plugin by hand"
chmod 755 "$scratch"
"$scratch" version >/dev/null || fail "the plugin does not run here: install Docker's compose plugin by hand"
mv "$scratch" "$directory/docker-compose"
told

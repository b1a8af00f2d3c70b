#!/usr/bin/env bash
# Builds the image of Temporal on PostgreSQL: a part of `make compose-images`. From the environment:
#   TEMPORAL_IMAGE  its name, durabot-temporal:latest unless set
#   FRESH           1 builds each layer anew, so that it has the security updates of today
set -euo pipefail
cd "$(dirname "$0")/../.."

IMAGE=${TEMPORAL_IMAGE:-durabot-temporal:latest}
BASE=debian:trixie-slim
CONTEXT=build/temporal

fail() { echo "compose-images: $*" >&2; exit 1; }

command -v docker >/dev/null || fail "there is no docker command: \`make engine\` installs one (as root), or install Docker"
machine=$(docker version --format '{{.Server.Arch}}' 2>/dev/null) \
    || fail "no Docker engine answers at ${DOCKER_HOST:-unix:///var/run/docker.sock}: \`make engine\` starts one (as root)"
binaries=$(deploy/temporal/binaries.sh "$machine")

rm -rf "$CONTEXT"
mkdir -p "$CONTEXT/parts"
cp deploy/temporal/Dockerfile "$CONTEXT/"
cp -R "$binaries" "$CONTEXT/bin"
cp deploy/temporal/*.py deploy/temporal/*.yaml deploy/control-plane/answers.py "$CONTEXT/parts/"
# The same files have the same times: layers that did not change are not built again.
find "$CONTEXT" -exec touch -d @0 {} +

options=()
if [ "${FRESH:-}" = 1 ]; then options+=(--no-cache); fi
if ! docker build "${options[@]}" --tag "$IMAGE" "$CONTEXT"; then
    docker image inspect "$BASE" >/dev/null 2>&1 \
        || fail "the base $BASE is not here and cannot be pulled: \`make base-image\` makes it (as root)"
    fail "the build failed; see above"
fi
echo "built $IMAGE: $(docker image inspect --format '{{.Size}}' "$IMAGE") bytes"

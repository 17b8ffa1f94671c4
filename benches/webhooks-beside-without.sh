#!/usr/bin/env bash
# Payments over HTTP with a webhook endpoint beside without: interleaved runs of the same load, medians,
# and their ratio; and how many events a second a gateway delivers that has nothing else to do.
#
#   benches/webhooks-beside-without.sh [connections]        default: 64
#
# Needs wrk and curl. Each run is a gateway of its own with an empty data directory. The endpoint wants
# every event, and its receiver, bare hyper, answers at once on the same machine; gateway, receiver and
# load share its processors. ROUNDS (3) and SECONDS_EACH (5) come from the environment, and BINARIES
# says where the release's are, if they are not to be built.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v wrk >/dev/null || { echo "wrk is not installed (Debian: apt-get install wrk)" >&2; exit 2; }
rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-5}
connections=${1:-64}
binaries=${BINARIES:-target/release}

[ -n "${BINARIES:-}" ] || cargo build --release -q -p tollgate -p tollgate-benches
work=$(mktemp -d)
pids=()
trap 'kill ${pids[@]} 2>/dev/null; wait 2>/dev/null; rm -rf "$work"' EXIT

announced() {
  for _ in $(seq 200); do
    found=$(sed -n "s/^$2 on //p" "$1" 2>/dev/null)
    [ -n "$found" ] && { echo "$found"; return; }
    sleep 0.05
  done
  return 1
}

"$binaries/bare-hyper" >"$work/receiver.out" & pids+=($!)
receiver=$(announced "$work/receiver.out" listening)

# A gateway of its own; sets gateway, address, metrics and TOLLGATE_KEY.
start() {
  rm -rf "$work/data"
  TOLLGATE__WEBHOOKS__ALLOWED_CIDRS='["127.0.0.0/8"]' TOLLGATE__WEBHOOKS__PORTS='[]' \
    "$binaries/tollgate" serve --data-dir "$work/data" --listen 127.0.0.1:0 \
    --metrics-listen 127.0.0.1:0 >"$work/gateway.out" 2>"$work/gateway.err" & gateway=$!
  pids+=("$gateway")
  address=$(announced "$work/gateway.out" listening)
  metrics=$(announced "$work/gateway.out" metrics)/metrics
  until curl -sf "$address/ready" >/dev/null; do sleep 0.05; done
  TOLLGATE_KEY=$(head -n 1 "$work/data/demo.key")
  export TOLLGATE_KEY
}
stop() { kill "$gateway"; wait "$gateway" 2>/dev/null || true; : >"$work/gateway.out"; }

load() { wrk -t1 -c"$connections" -d"${seconds}s" -s benches/payment.lua "$address" | tail -n 1; }
series() { curl -sf "$metrics" | awk -v of="$1" 'index($1, of) == 1 { sum += $2 } END { print sum + 0 }'; }
delivered() { series 'tollgate_webhook_deliveries_total{result="delivered"}'; }
median() { sort -n | awk '{ line[NR] = $1 } END { print line[int((NR + 1) / 2)] }'; }

: >"$work/off"; : >"$work/on"; : >"$work/ratio"; : >"$work/rate"
for _ in $(seq "$rounds"); do
  start
  off=$(load)
  stop
  start
  curl -sf "$address/api/v1/webhooks" -H "Authorization: Bearer $TOLLGATE_KEY" \
    -H 'Content-Type: application/json' -d "{\"url\":\"$receiver/hooks\"}" >/dev/null
  on=$(load)
  # Nothing is asked any more: what is left is delivered as fast as that goes.
  from=$(delivered); began=$(date +%s.%N)
  total=$(series tollgate_events_total)
  for _ in $(seq 600); do
    now=$(delivered)
    [ "$now" -ge "$total" ] && break
    sleep 0.1
  done
  awk -v from="$from" -v to="$now" -v began="$began" -v ended="$(date +%s.%N)" \
    'BEGIN { printf "%.0f\n", (to - from) / (ended - began) }' >>"$work/rate"
  stop
  echo "$off" >>"$work/off"; echo "$on" >>"$work/on"
  awk -v on="${on%% *}" -v off="${off%% *}" 'BEGIN { printf "%.3f\n", on / off }' >>"$work/ratio"
  echo "without $off  with $on  left $((total - from)) of $total events" >&2
done
printf 'c=%s  payments without %s/s  with %s/s  ratio %s  deliveries %s/s\n' "$connections" \
  "$(median <"$work/off")" "$(median <"$work/on")" "$(median <"$work/ratio")" "$(median <"$work/rate")"

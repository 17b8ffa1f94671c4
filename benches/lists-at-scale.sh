#!/usr/bin/env bash
# Lists and look-ups over millions of payments: fills a merchant's history through the engine in process,
# builds the views of it, starts the gateway on it, and asks.
#
#   benches/lists-at-scale.sh [millions]        default: 10
#
# Needs wrk, curl and python3, and some 4 GB of disk for each million, in DIRECTORY (a temporary one
# unless it is set). SECONDS_EACH (5) and CONNECTIONS (1) come from the environment, and BINARIES says
# where the release's are, if they are not to be built. Each question is asked over and over, of an order,
# a customer, a payment or a time drawn anew each time where its line says `random`; it prints the
# answers a second, the median and the slowest hundredth in milliseconds, and answers other than 200.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v wrk >/dev/null || { echo "wrk is not installed (Debian: apt-get install wrk)" >&2; exit 2; }
millions=${1:-10}
seconds=${SECONDS_EACH:-5}
connections=${CONNECTIONS:-1}
binaries=${BINARIES:-target/release}
[ -n "${BINARIES:-}" ] || cargo build --release -q -p tollgate -p tollgate-benches

work=${DIRECTORY:-$(mktemp -d)}
mkdir -p "$work"
gateway=
trap '[ -z "$gateway" ] || kill $gateway 2>/dev/null; wait 2>/dev/null; [ -n "${DIRECTORY:-}" ] || rm -rf "$work"' EXIT

start() {
  : >"$work/out"
  began=$(date +%s.%N)
  "$binaries/tollgate" serve --data-dir "$work/data" --listen 127.0.0.1:0 \
    --metrics-listen 127.0.0.1:0 >"$work/out" 2>"$work/err" & gateway=$!
  until url=$(sed -n 's/^listening on //p' "$work/out") && [ -n "$url" ]; do sleep 0.05; done
  until curl -sf "$url/ready" >/dev/null; do sleep 0.05; done
  ready=$(awk -v from="$began" -v to="$(date +%s.%N)" 'BEGIN { printf "%.2f", to - from }')
  key=$(head -n 1 "$work/data/demo.key")
}
stop() { kill "$gateway"; wait "$gateway" 2>/dev/null || true; gateway=; }
member() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

start
merchant=$(curl -sf "$url/api/v1/merchants/me" -H "Authorization: Bearer $key" | member id)
stop
"$binaries/history" --directory "$work/data/log" --merchant "$merchant" --payments 1000000 \
  --rounds "$millions" --keyless --one-life
"$binaries/tollgate" views rebuild --data-dir "$work/data"
# The first start makes the feed of it as well.
start
echo "ready after $ready s, with the feed made anew"
stop
start
echo "ready after $ready s"
curl -sf "$url/api/v1/payments?limit=1" -H "Authorization: Bearer $key" >/dev/null

export TOLLGATE_KEY=$key PAYMENTS=$((millions * 1000000))
# Some payments from all over, by their orders: `random` look-ups of payments draw among them.
python3 - "$url" >"$work/ids" <<'PYTHON'
import json, os, random, sys, urllib.request
draw = random.Random(1)
for _ in range(2000):
    order = draw.randrange(int(os.environ["PAYMENTS"]))
    request = urllib.request.Request(f"{sys.argv[1]}/api/v1/payments?order_id=order-{order}")
    request.add_header("Authorization", "Bearer " + os.environ["TOLLGATE_KEY"])
    row = json.load(urllib.request.urlopen(request))["data"][0]
    print(row["id"], row["created_at"])
PYTHON
export PLACES="$work/ids"

ask() {
  QUESTION=$1 wrk -t1 -c"$connections" -d"${seconds}s" -s benches/lists.lua "$url" | tail -n 1 |
    awk -v what="$1" '{ printf "%-62s %7s/s  median %6s ms  p99 %6s ms  not 200: %s\n", what, $1, $2, $3, $4 }'
}
ask '/api/v1/payments?limit=10'
ask '/api/v1/payments?limit=100'
ask '/api/v1/payments?limit=10&starting_after={random payment}'
ask '/api/v1/payments?limit=10&created[lte]={random time}'
ask '/api/v1/payments?limit=10&status=completed&created[lte]={random time}'
ask '/api/v1/payments?order_id={random order}'
ask '/api/v1/payments?customer_id={random customer}'
ask '/api/v1/transactions?payment_id={random payment}'
ask '/api/v1/payments/{random payment}'
ask '/api/v1/payments/{random payment}/events'

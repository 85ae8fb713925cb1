#!/usr/bin/env bash
# The whole life of the STEDI lakehouse on the sandbox. Usage: demo.sh PATH-TO-LAKEFORM
# Leaves nothing behind: the lakehouse is destroyed and a sandbox that this script started is stopped.
set -euo pipefail
lakeform=$(realpath "$1")
cd "$(dirname "$0")/../manifests/stedi"

say() { printf '\n\033[1m$ lakeform %s\033[0m\n' "$*"; }
run() { say "$@"; "$lakeform" "$@"; }

was_running=$("$lakeform" sandbox status --json 2>/dev/null | grep -c '"running"' || true)
finish() { [ "$was_running" != 0 ] || "$lakeform" sandbox down; }
trap finish EXIT

run sandbox up
run --sandbox plan
run --sandbox apply --yes
say --sandbox plan --detailed-exitcode
"$lakeform" --sandbox plan --detailed-exitcode || { echo "the second plan is not empty" >&2; exit 1; }

expected() { python3 -c "import json; print(json.load(open('expected.json'))['$1'])"; }
for table in customer_landing accelerometer_landing step_trainer_landing; do
  say --sandbox query "select count(*) from $table"
  rows=$("$lakeform" --sandbox query --format csv "select count(*) as n from $table" | tail -n 1 | tr -d '"')
  echo "$table: $rows rows"
  [ "$rows" = "$(expected "$table")" ] || { echo "expected $(expected "$table")" >&2; exit 1; }
done

run --sandbox destroy --yes

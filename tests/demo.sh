#!/usr/bin/env bash
# The whole life of the STEDI lakehouse on the sandbox: built, run on Spark, proven, destroyed.
# Usage: demo.sh PATH-TO-LAKEFORM
# Leaves nothing behind: the lakehouse is destroyed, and a sandbox that this script started is stopped.
set -euo pipefail
lakeform=$(realpath "$1")
cd "$(dirname "$0")/../manifests/stedi"

say() { printf '\n\033[1m$ lakeform %s\033[0m\n' "$*"; }
run() { say "$@"; "$lakeform" "$@"; }

was_running=$("$lakeform" sandbox status --json 2>/dev/null | grep -c '"running"' || true)
finish() { [ "$was_running" != 0 ] || "$lakeform" sandbox down; }
trap finish EXIT

run sandbox up --spark
run --sandbox plan
run --sandbox apply --yes
say --sandbox plan --detailed-exitcode
"$lakeform" --sandbox plan --detailed-exitcode || { echo "the second plan is not empty" >&2; exit 1; }

run --sandbox run --all
run --sandbox check
run --sandbox query "select email, count(*) as readings from customers_curated join accelerometer_trusted on \"user\" = email group by email order by readings desc, email limit 3"

# Each table's rows, through Athena SQL, against the counts that are recorded beside the sample.
tables=$(python3 -c "import json; print(*json.load(open('expected.json')))")
expected() { python3 -c "import json; print(json.load(open('expected.json'))['$1'])"; }
say "--sandbox query 'select count(*) from TABLE'"
for table in $tables; do
  rows=$("$lakeform" --sandbox query --format csv "select count(*) as n from $table" 2>/dev/null | tail -n 1 | tr -d '"')
  printf '%-28s %6s rows\n' "$table" "$rows"
  [ "$rows" = "$(expected "$table")" ] || { echo "expected $(expected "$table")" >&2; exit 1; }
done

say --sandbox plan --detailed-exitcode
"$lakeform" --sandbox plan --detailed-exitcode || { echo "the plan after the jobs is not empty" >&2; exit 1; }
run --sandbox destroy --yes

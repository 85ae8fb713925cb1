#!/usr/bin/env bash
# Runs the tests that print figures (`torture: <what>: <number>` or `fuzz cases: <number>` on a line), and adds the
# figures up in a table.
# `LAKEFORM_TORTURE=short` is the sample that every change passes; without it everything is tried.
set -euo pipefail
cd "$(dirname "$0")/../.."
export LAKEFORM_TORTURE=${LAKEFORM_TORTURE:-full}

if [ "$LAKEFORM_TORTURE" = full ]; then export LAKEFORM_FUZZ_CASES=${LAKEFORM_FUZZ_CASES:-1000}; fi

said=$(mktemp)
trap 'rm -f "$said"' EXIT
began=$SECONDS
# `version` builds the binary that is tortured. Most of a disturbed run is waiting, so more tests than processors run
# at once.
cargo test --workspace --test version --test torture --test fuzz -- --nocapture --test-threads 4 | tee "$said"
cargo test --workspace --test it -- --nocapture least_privilege | tee --append "$said"

printf '\n%-60s %10s\n' "torture, $LAKEFORM_TORTURE form" number
sed -n -e 's/.*torture: \(.*\): \([0-9]*\)$/\1|\2/p' -e 's/.*fuzz cases: \([0-9]*\).*/fuzz cases|\1/p' "$said" |
  awk -F'|' '!($1 in sum) { order[++count] = $1 } { sum[$1] += $2 }
             END { for (at = 1; at <= count; at++) printf "%-60s %10d\n", order[at], sum[order[at]] }' | sort
printf '%-60s %10d\n' seconds $((SECONDS - began))

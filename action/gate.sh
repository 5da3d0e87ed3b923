#!/usr/bin/env bash
# Runs the suite and gates it. Ends with 0 whatever was found, so that report and comment follow; the exit code is
# an output, and the last step ends with it.
set -uo pipefail

folder=tripos-gate
run="ci-${GITHUB_RUN_ID:-local}-${GITHUB_RUN_ATTEMPT:-1}"
mkdir -p "$folder"
output() { echo "$1=$2" >> "${GITHUB_OUTPUT:?}"; }
# A message stands on one line: what could begin a command of the runner is escaped.
annotate() {
    local text="${1//'%'/%25}"
    text="${text//$'\r'/%0D}"
    echo "::error title=Tripos gate::${text//$'\n'/%0A}"
}
give_up() {
    cat "$folder/errors.txt" >&2
    annotate "$(head -c 2000 "$folder/errors.txt")"
    output code "$1"
    exit 0
}

read -ra arguments <<< "${TRIPOS_ARGUMENTS:-}"
tripos run "${TRIPOS_SUITE:?}" -m "${TRIPOS_MODEL:?}" --name "$run" --report "$folder/report.html" \
    ${arguments[@]+"${arguments[@]}"} 2> "$folder/errors.txt"
code=$?
# 4 is a run with too many failed trials: the gate says it in its own words.
if [ "$code" -ne 0 ] && [ "$code" -ne 4 ]; then
    give_up "$code"
fi
tripos gate "$run" --baseline "${TRIPOS_BASELINE:?}" --policy "${TRIPOS_POLICY:?}" \
    --junit "$folder/gate.xml" --summary "$folder/summary.md" --comment "$folder/comment.md" \
    --json "$folder/gate.json" > "$folder/gate.txt" 2> "$folder/errors.txt"
code=$?
if [ ! -s "$folder/gate.json" ]; then
    give_up "$code"
fi
cat "$folder/gate.txt"
cat "$folder/summary.md" >> "${GITHUB_STEP_SUMMARY:?}"
if [ "$code" -ne 0 ]; then
    annotate "$(head -n 1 "$folder/gate.txt")"
fi
output verdict "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["verdict"])' "$folder/gate.json")"
output code "$code"

#!/usr/bin/env bash
# Posts the comment, or updates the one that is there: it is found by its first line.
set -euo pipefail

if [ ! -s tripos-gate/comment.md ]; then
    echo "nothing was judged: no comment"
    exit 0
fi
comments="${GITHUB_API_URL:?}/repos/${GITHUB_REPOSITORY:?}/issues/${PULL_REQUEST:?}/comments"
marker="$(head -n 1 tripos-gate/comment.md)"
call() {
    curl --silent --show-error --fail --max-time 60 \
        --header "Authorization: Bearer ${GITHUB_TOKEN:?}" \
        --header "Accept: application/vnd.github+json" "$@"
}
python3 -c 'import json, sys; json.dump({"body": open("tripos-gate/comment.md").read()}, sys.stdout)' \
    > tripos-gate/body.json
own=""
page=1
while [ -z "$own" ] && [ "$page" -le 30 ]; do
    call "$comments?per_page=100&page=$page" > tripos-gate/page.json
    # The address of the comment that begins with the marker, and how many were on the page.
    { read -r own; read -r count; } < <(python3 -c '
import json, sys
page = json.load(open("tripos-gate/page.json"))
own = [c["url"] for c in page if (c.get("body") or "").startswith(sys.argv[1])]
print(own[0] if own else "")
print(len(page))' "$marker")
    [ "$count" -eq 100 ] || break
    page=$((page + 1))
done
if [ -n "$own" ]; then
    call --request PATCH --data @tripos-gate/body.json "$own" > /dev/null
    echo "updated the comment"
else
    call --request POST --data @tripos-gate/body.json "$comments" > /dev/null
    echo "posted the comment"
fi
rm -f tripos-gate/body.json tripos-gate/page.json

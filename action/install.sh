#!/usr/bin/env bash
# Puts `tripos` on the path of later steps: the binary that is named, or the one built from this checkout.
set -euo pipefail

root="${RUNNER_TEMP:?}/tripos"
mkdir -p "$root/bin"
if [ -n "${TRIPOS_BINARY:-}" ]; then
    if [ ! -x "$TRIPOS_BINARY" ]; then
        echo "::error title=Tripos gate::there is no program at \`$TRIPOS_BINARY\`"
        exit 2
    fi
    cp "$TRIPOS_BINARY" "$root/bin/tripos"
else
    cargo install --locked --path "${GITHUB_ACTION_PATH:?}/harness" --root "$root"
fi
echo "$root/bin" >> "${GITHUB_PATH:?}"
"$root/bin/tripos" --version

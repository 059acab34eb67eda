#!/bin/sh
# A local BigQuery API for tests, in an environment of its own: bqemulator wants an older sqlglot than the project's. Into
# .tools/bqemulator, once a lock; exit 4 where PyPI cannot be reached.
#
#   deploy/bqemulator/install.sh [folder]     ─▶ <folder>/bin/python, with which serve.py beside this runs
set -eu

HERE=$(dirname "$0")
TOOLS=$(realpath -m "${1:-$HERE/../../.tools/bqemulator}")
UV=$(realpath -m "$HERE/../../.tools/uv/bin/uv")
READY="$TOOLS/ready-$(cksum < "$HERE/requirements.lock" | cut -d' ' -f1)"

[ -e "$READY" ] && exit 0

# Two workers of a test run may come at once: the second waits. A build that was killed is begun anew.
mkdir -p "$(dirname "$TOOLS")"
exec 9> "$TOOLS.lock"
flock 9
[ -e "$READY" ] && exit 0
rm -rf "$TOOLS"
"$UV" venv --quiet --python "$(realpath -sm "$HERE/../../.venv/bin/python")" "$TOOLS" >&2
if ! SAID=$("$UV" pip sync --quiet --python "$TOOLS/bin/python" --require-hashes "$HERE/requirements.lock" 2>&1); then
  echo "$SAID" >&2
  case $SAID in *"error sending request"* | *"dns error"*) exit 4 ;; esac
  exit 1
fi
touch "$READY"

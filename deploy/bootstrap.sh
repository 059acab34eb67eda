#!/usr/bin/env bash
# What a bare Debian or Ubuntu must have before .venv can be built: Python 3.11 or 3.12 with venv. What is missing is
# installed where we may, and named in a clear error where we may not.
set -euo pipefail
python=${1:-python3}

need() { # what, package
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "installing $2 ($1 is missing)"
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null
  else
    echo "error: $1 is missing. Next: sudo apt-get install $2" >&2
    exit 3
  fi
}

command -v "$python" >/dev/null || need "$python" python3
"$python" - <<'PY' || exit 3
import sys
if not (3, 11) <= sys.version_info[:2] < (3, 13):
    sys.exit(f"error: Python {sys.version.split()[0]} found, 3.11 or 3.12 needed. Next: make PYTHON=python3.11 …")
PY
"$python" -c 'import ensurepip, venv' 2>/dev/null || need "Python's venv" "python$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')-venv"
[ -e /etc/ssl/certs/ca-certificates.crt ] || need "the list of certificate authorities" ca-certificates

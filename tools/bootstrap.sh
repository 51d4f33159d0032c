#!/usr/bin/env bash
# The environment, from the lockfile and nothing else.  Says what it does: the first time takes a minute.
set -euo pipefail
PYTHON=${PYTHON:-python3}
"$PYTHON" - <<'PY' || exit 1
import sys
if sys.version_info < (3, 11):
    sys.exit(f"Shopfloor needs Python 3.11 or newer; this is {sys.version.split()[0]}. Name another one: make PYTHON=python3.12")
PY
if [ ! -x .venv/bin/python ]; then
  echo "making the environment in .venv"
  "$PYTHON" -m venv .venv
fi
if [ ! -x .venv/bin/uv ]; then
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r tools/uv.lock
fi
echo "installing what requirements.lock names"
.venv/bin/uv pip sync --quiet --python .venv/bin/python --require-hashes requirements.lock tools/uv.lock
.venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
touch .venv/.ready

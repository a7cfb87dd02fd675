#!/bin/sh
# Runs every linter and says at the end which ones found something; a linter without findings prints one line.
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin
log=$(mktemp)
trap 'rm -f "$log"' EXIT
failed=

step() {
  name=$1
  shift
  printf '%-15s' "$name"
  if "$@" >"$log" 2>&1; then
    echo ok
  else
    echo FAILED
    cat "$log"
    failed="$failed $name"
  fi
}

step ruff "$bin/ruff" check .
step format "$bin/ruff" format --check .
step mypy "$bin/mypy"
step imports "$bin/lint-imports" --no-logo
step buf "$bin/buf" lint protos
step dockerfile "$bin/hadolint" Dockerfile
step generated "$bin/python" tools/check_generated.py

if [ -n "$failed" ]; then
  echo "lint: findings in:$failed" >&2
  exit 1
fi

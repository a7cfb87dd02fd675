#!/bin/sh
# Pins what pyproject.toml and tools/generate-requirements.in ask for, with hashes, without addresses. Pins that still fit
# stay; `tools/constraints.sh --upgrade` takes the newest. uv comes from an environment that is thrown away.
set -eu
cd "$(dirname "$0")/.."
uv_version=0.13.9
python=${PYTHON:-python3}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo "Installing uv $uv_version into a temporary folder"
"$python" -m venv "$work"
"$work/bin/python" -m pip install -q --disable-pip-version-check "uv==$uv_version"

pin() {
  output=$1
  shift
  echo "Pinning $output"
  "$work/bin/uv" pip compile --quiet --universal --generate-hashes --no-emit-index-url \
    --custom-compile-command 'make constraints' --output-file "$output" "$@" >/dev/null
}
pin constraints.txt pyproject.toml --extra dev "$@"
pin tools/generate-requirements.txt tools/generate-requirements.in --python-version 3.11 "$@"

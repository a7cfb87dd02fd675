#!/bin/sh
# tools/venv.sh DIR REQUIREMENTS: a virtual environment in DIR that holds the pinned, hashed packages of REQUIREMENTS.
# Does nothing when it already does. PYTHON names the interpreter (python3).
set -eu
dir=$1
requirements=$2
python=${PYTHON:-python3}
stamp=$dir/installed-requirements.txt

works() { "$dir/bin/python" -c 'import pip' 2>/dev/null; }

if works && cmp -s "$requirements" "$stamp"; then
  exit 0
fi
if ! works; then
  if ! command -v "$python" >/dev/null; then
    echo "install Python 3.11 or newer: $python was not found (on Debian: sudo apt install python3-venv)" >&2
    exit 1
  fi
  if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "Python 3.11 or newer is needed: $python is $("$python" -V 2>&1). Another one: make PYTHON=python3.12" >&2
    exit 1
  fi
  # Debian's python3 comes without it; `venv` would fail later and say less.
  if ! "$python" -c 'import ensurepip' 2>/dev/null; then
    echo "install python3-venv: sudo apt install python3-venv" >&2
    exit 1
  fi
  echo "Creating $dir"
  "$python" -m venv --clear "$dir"
fi
echo "Installing $(grep -c '==' "$requirements") pinned packages into $dir (half a minute the first time)"
"$dir/bin/python" -m pip install -q --disable-pip-version-check --require-hashes -r "$requirements"
cp "$requirements" "$stamp"

#!/bin/sh
# Generates the Python code beside the .proto files, with an environment of its own: code made by newer generators
# refuses protobuf 6 runtimes. `tools/generate.sh DIR` writes into DIR instead (the freshness check does).
set -eu
cd "$(dirname "$0")/.."
out=${1:-protos}
env=.venv-generate
if [ ! -x "$env/bin/protoc-gen-mypy" ]; then
  python3 -m venv "$env"
  "$env/bin/pip" install -q --disable-pip-version-check -r tools/generate-requirements.txt
fi
find protos/murmuration -name '*.proto' | sort | PATH="$env/bin:$PATH" xargs "$env/bin/python" -m grpc_tools.protoc \
  -Iprotos --python_out="$out" --grpc_python_out="$out" --mypy_out="$out" --mypy_grpc_out="$out"
# A file without services needs no stubs.
find "$out" -name '*_pb2_grpc.py*' | while read -r file; do
  grep -q 'Stub' "$file" || rm "$file"
done

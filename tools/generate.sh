#!/bin/sh
# Generates the Python code beside the .proto files, with an environment of its own: code made by newer generators
# refuses protobuf 6 runtimes. `tools/generate.sh DIR` writes into DIR instead (the freshness check does).
set -eu
cd "$(dirname "$0")/.."
out=${1:-protos}
env=.venv-generate
tools/venv.sh "$env" tools/generate-requirements.txt

new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
find protos/murmuration -name '*.proto' | LC_ALL=C sort | PATH="$env/bin:$PATH" xargs "$env/bin/python" -m grpc_tools.protoc \
  -Iprotos --python_out="$new" --grpc_python_out="$new" --mypy_out="quiet:$new" --mypy_grpc_out="quiet:$new"
# A file without services needs no stubs.
find "$new" -name '*_pb2_grpc.py*' | while read -r file; do
  grep -q 'Stub' "$file" || rm "$file"
done

# All was made, so the old code may go, that of deleted .proto files too. Files that stay alike keep their times.
find "$out" -name '*_pb2.py' -o -name '*_pb2.pyi' -o -name '*_pb2_grpc.py' -o -name '*_pb2_grpc.pyi' | while read -r file; do
  [ -e "$new/${file#"$out"/}" ] || rm "$file"
done
(cd "$new" && find . -type f) | while read -r file; do
  mkdir -p "$out/$(dirname "$file")"
  cmp -s "$new/$file" "$out/$file" || cp "$new/$file" "$out/$file"
done

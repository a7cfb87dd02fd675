"""`python -m benchmarks.bare`: grpcio and nothing else, answering with bytes that a real server gave."""

from __future__ import annotations

import argparse
import itertools
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc


class _Captured(grpc.GenericRpcHandler):
    """Answers every method with the captured replies in turn. Nothing is parsed, looked up or built."""

    def __init__(self, replies: list[bytes]) -> None:
        following = itertools.cycle(replies).__next__

        def answer(request: bytes, context: grpc.ServicerContext) -> bytes:  # noqa: ARG001
            return following()

        self._handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(answer)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any]:  # noqa: ARG002
        return self._handler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, required=True, help="of the server's pool")
    parser.add_argument("--replies", type=Path, required=True, help="a pickled list of bytes")
    options = parser.parse_args()
    replies = pickle.loads(options.replies.read_bytes())  # noqa: S301 - written by the process that started this one
    server = grpc.server(ThreadPoolExecutor(options.threads), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((_Captured(replies),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    sys.stdin.read()  # Until whoever started it goes away.
    server.stop(0).wait()


if __name__ == "__main__":
    main()

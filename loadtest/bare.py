"""A bare gRPC server that answers every unary call with the same prepared bytes, and nothing else.

    python -m loadtest.bare FILE

prints its port and serves on loopback until its standard input ends. What a generator reaches against it, it cannot
exceed against a system that answers with as many bytes.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc

THREADS = 8


class Prepared(grpc.GenericRpcHandler):
    def __init__(self, answer: bytes) -> None:
        def say(request: bytes, context: grpc.ServicerContext) -> bytes:  # noqa: ARG001
            return answer

        self._handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(say)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:  # noqa: ARG002
        return self._handler


def serve(answer: bytes) -> tuple[grpc.Server, int]:
    """(the server, started; its port)."""
    server = grpc.server(ThreadPoolExecutor(THREADS), handlers=[Prepared(answer)], options=[("grpc.so_reuseport", 0)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server, port


def main() -> None:
    server, port = serve(Path(sys.argv[1]).read_bytes())
    print(port, flush=True)
    sys.stdin.read()
    server.stop(None).wait()


if __name__ == "__main__":
    main()

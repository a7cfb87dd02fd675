"""An API server with its etcd on loopback: it takes objects, and nothing acts on them."""

from __future__ import annotations

import os
import secrets
import subprocess
from pathlib import Path

import yaml

from tools.kubeapi.build import build
from tools.stack.process import ServerProcess, free_port, need

START_SECONDS = 120.0
COMMAND_SECONDS = 120
HOST = "127.0.0.1"


class ApiServer:
    """Started by `start`, ended by `kill`. Raises `Missing` where it cannot be built, or a program is not here."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "kubeconfig"
        self._kubectl = need("kubectl", "kubectl")
        data, peers, port = (free_port() for _ in range(3))
        etcd = {
            "--data-dir": folder / "etcd",
            "--listen-client-urls": f"http://{HOST}:{data}",
            "--advertise-client-urls": f"http://{HOST}:{data}",
            "--listen-peer-urls": f"http://{HOST}:{peers}",
            "--initial-advertise-peer-urls": f"http://{HOST}:{peers}",
            "--initial-cluster": f"default=http://{HOST}:{peers}",
        }
        key, tokens, token = folder / "accounts.key", folder / "tokens.csv", secrets.token_hex(16)
        subprocess.run([need("openssl", "openssl"), "genrsa", "-out", key, "2048"], check=True, capture_output=True)
        tokens.write_text(f"{token},admin,admin,system:masters\n", "utf-8")
        api = {
            "--etcd-servers": f"http://{HOST}:{data}",
            "--bind-address": HOST,
            "--secure-port": port,
            "--cert-dir": folder / "certificates",
            "--service-account-issuer": "https://kubernetes.default.svc",
            "--service-account-key-file": key,
            "--service-account-signing-key-file": key,
            "--token-auth-file": tokens,
            "--authorization-mode": "RBAC",
            "--service-cluster-ip-range": "10.96.0.0/16",
            # It would wait for accounts' objects, which a controller makes.
            "--disable-admission-plugins": "ServiceAccount",
        }
        self._write_config(f"https://{HOST}:{port}", token)
        self._servers = [
            ServerProcess("etcd", [need("etcd", "etcd-server"), *_flags(etcd)], folder, lambda: True, START_SECONDS),
            ServerProcess("kube-apiserver", [str(build()), *_flags(api)], folder, self._answers, START_SECONDS),
        ]

    def start(self) -> None:
        for server in self._servers:
            server.start()

    def kill(self) -> None:
        for server in reversed(self._servers):
            server.kill()

    def kubectl(self, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._kubectl, *arguments],
            env=self.environment(),
            input=given,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        """For commands that call kubectl."""
        return {**os.environ, "KUBECONFIG": str(self.config)}

    def _answers(self) -> bool:
        return self.kubectl("get", "--raw", "/readyz").returncode == 0

    def _write_config(self, address: str, token: str) -> None:
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "here",
            "clusters": [{"name": "here", "cluster": {"server": address, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "admin", "user": {"token": token}}],
            "contexts": [{"name": "here", "context": {"cluster": "here", "user": "admin"}}],
        }
        self.config.write_text(yaml.safe_dump(config), "utf-8")


def _flags(options: dict[str, object]) -> list[str]:
    return [f"{name}={value}" for name, value in options.items()]

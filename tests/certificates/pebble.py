"""Pebble, the test server of the ACME standard by the makers of Let's Encrypt, on the loopback address.

With it runs its DNS server, which leads every name to this machine but for those it is told to break.
"""

import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.waiting import PATIENCE

PEBBLE = os.environ.get("SHOPFLOOR_PEBBLE") or shutil.which("pebble") or ""
DNS = str(Path(PEBBLE).with_name("pebble-challtestsrv")) if PEBBLE else ""

needs_pebble = pytest.mark.skipif(
    not PEBBLE or not Path(DNS).exists(), reason="Pebble is not here (Debian's package pebble)"
)


@dataclass(frozen=True)
class Authority:
    """`ca_file` is how the server at `directory` is recognised; `root` signs what it issues."""

    directory: str
    ca_file: str
    dns: str
    management: str

    def root(self) -> str:
        context = ssl.create_default_context(cafile=self.ca_file)
        with urllib.request.urlopen(
            f"{self.management}/roots/0", context=context, timeout=PATIENCE
        ) as answer:
            return answer.read().decode()

    def break_name(self, name: str) -> None:
        """From now on the authority finds no address for it."""
        self._tell("set-servfail", {"host": f"{name}."})

    def mend_name(self, name: str) -> None:
        self._tell("clear-servfail", {"host": f"{name}."})

    def _tell(self, what: str, body: dict[str, str]) -> None:
        request = urllib.request.Request(f"{self.dns}/{what}", json.dumps(body).encode(), method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            assert answer.status == 200


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for_port(port: int, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, process.args
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        assert time.monotonic() < end, process.args
        time.sleep(0.05)


def own_certificate(place: Path) -> tuple[Path, Path]:
    """A certificate by which Pebble's own addresses are recognised."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the address of the authority")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = place / "pebble.crt", place / "pebble.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, private


@contextmanager
def running(command: list[str], port: int, place: Path, **environment: str) -> Generator[None]:
    with (place / f"{Path(command[0]).name}.log").open("ab") as log:
        process = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)
    try:
        wait_for_port(port, process)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


@contextmanager
def pebble(place: Path, *, http_port: int, seconds: int = 90 * 86_400) -> Generator[Authority]:
    """An authority that checks names at `http_port` and signs for so many seconds.

    It refuses one nonce in twenty, as it does unless told otherwise: clients must bear that.
    """
    certificate, private = own_certificate(place)
    listen, management, dns, dns_management = (free_port() for _ in range(4))
    config = {
        "listenAddress": f"127.0.0.1:{listen}", "managementListenAddress": f"127.0.0.1:{management}",
        "certificate": str(certificate), "privateKey": str(private), "httpPort": http_port, "tlsPort": free_port(),
        "ocspResponderURL": "", "externalAccountBindingRequired": False, "certificateValidityPeriod": seconds,
    }  # fmt: skip
    (place / "pebble.json").write_text(json.dumps({"pebble": config}))
    with ExitStack() as stack:
        stack.enter_context(
            running(
                [
                    DNS, "-dns01", f"127.0.0.1:{dns}", "-management", f"127.0.0.1:{dns_management}", "-defaultIPv6", "",
                    "-defaultIPv4", "127.0.0.1", "-http01", "", "-https01", "", "-tlsalpn01", "",
                ],
                dns_management,
                place,
            )
        )  # fmt: skip
        stack.enter_context(
            running(
                [PEBBLE, "-config", str(place / "pebble.json"), "-dnsserver", f"127.0.0.1:{dns}"],
                listen,
                place,
                PEBBLE_VA_NOSLEEP="1",
                # Every order is checked anew.
                PEBBLE_AUTHZREUSE="0",
            )
        )
        yield Authority(
            directory=f"https://127.0.0.1:{listen}/dir",
            ca_file=str(certificate),
            dns=f"http://127.0.0.1:{dns_management}",
            management=f"https://127.0.0.1:{management}",
        )

"""TLS at a real collector, with a certificate of our own; and outside the local profile none in clear."""

import ipaddress
import ssl
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sample_events import started, text

from collectors.events.tls import tls_context
from lakehouse.errors import SettingsError
from lakehouse.settings import Settings
from tests.collectors.conftest import Running

LAKEHOUSE = Path(sys.executable).parent / "lakehouse"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A self-signed certificate for this machine, its key, and that key under a passphrase."""
    folder = tmp_path_factory.mktemp("tls")
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "collector")])
    made = x509.CertificateBuilder(
        name, name, key.public_key(), x509.random_serial_number(), now - timedelta(days=1), now + timedelta(days=1)
    )
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
    paths = {kind: folder / f"{kind}.pem" for kind in ("cert", "key", "locked")}
    paths["cert"].write_bytes(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    for kind, lock in (("key", serialization.NoEncryption()), ("locked", serialization.BestAvailableEncryption(b"secret"))):
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)
        paths[kind].write_bytes(pem)
    return paths


def client_context(certificate: dict[str, Path], version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificate["cert"])
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize(("minimum", "speaks_1_2"), [("1.3", False), ("1.2", True)])
def test_events_travel_by_tls_and_by_an_old_one_only_where_that_is_asked_for(
    collector: Callable[..., Running], certificate: dict[str, Path], minimum: str, speaks_1_2: bool
) -> None:
    running = collector(collector_tls_cert=certificate["cert"], collector_tls_key=certificate["key"], collector_tls_minimum=minimum)
    assert running.address.startswith("https://127.0.0.1:")
    with running.connect(verify=client_context(certificate, ssl.TLSVersion.TLSv1_3)) as client:
        assert client.post("/v1/events", content=text(started())).status_code == 202
    with running.connect(verify=client_context(certificate, ssl.TLSVersion.TLSv1_2)) as client:
        if speaks_1_2:
            assert client.post("/v1/events", content=text(started())).status_code == 202
        else:
            with pytest.raises(httpx.ConnectError, match="SSL"):
                client.post("/v1/events", content=text(started()))
    with pytest.raises(httpx.TransportError):
        httpx.get(running.address.replace("https", "http") + "/healthz")
    assert running.stop() == 0


def test_a_certificate_that_cannot_be_used_is_explained(certificate: dict[str, Path], tmp_path: Path) -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    foreign = tmp_path / "foreign.pem"
    foreign.write_bytes(other.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    cert = certificate["cert"]
    for options in (
        {"collector_tls_cert": cert},
        {"collector_tls_key": certificate["key"]},
        {"collector_tls_cert": cert, "collector_tls_key": tmp_path / "absent.pem"},
        {"collector_tls_cert": cert, "collector_tls_key": foreign},
        {"collector_tls_cert": cert, "collector_tls_key": certificate["locked"]},
        {"collector_tls_cert": certificate["key"], "collector_tls_key": certificate["key"]},
    ):
        with pytest.raises(SettingsError) as error:
            tls_context(Settings(**options))
        assert "LAKEHOUSE_COLLECTOR_TLS_KEY" in error.value.hint


def test_outside_the_local_profile_nothing_is_taken_in_clear(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKEHOUSE_PROFILE", "gcp")
    refused = subprocess.run([LAKEHOUSE, "collect", "--port", "0"], capture_output=True, text=True, timeout=60)
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "LAKEHOUSE_COLLECTOR_BEHIND_TLS" in refused.stderr
    assert tls_context(Settings(collector_behind_tls=True)) is None
    assert tls_context(Settings(profile="local", collector_behind_tls=False)) is None

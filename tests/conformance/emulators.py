"""The cloud's own protocols on this machine, each started as a process of its own on a free port.

    PubSub        Google's emulator, a jar of the Cloud SDK; LAKEHOUSE_PUBSUB_EMULATOR_JAR where it lies elsewhere
    CloudStorage  gcp-storage-emulator, a Python package

Where one cannot be had, the tests that need it are skipped, and the reason names what is missing.
"""

import importlib.util
import itertools
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lakehouse.listening import free_port
from lakehouse.settings import settings
from lakehouse.storage.protocols import Bus, Files

_SDKS = ("/usr/lib/google-cloud-sdk", "/usr/share/google-cloud-sdk", "/opt/google-cloud-sdk", str(Path.home() / "google-cloud-sdk"))
_numbers = itertools.count()


class PubSub:
    """Google's Pub/Sub emulator. It keeps nothing on disk: what it holds is gone with its process."""

    @classmethod
    @contextmanager
    def running(cls, folder: Path, port: int | None = None) -> Iterator["PubSub"]:
        """`port`: where one was before, that is, one that was killed comes back empty."""
        jar, java = _jar(), shutil.which("java")
        if jar is None or java is None:
            pytest.skip(
                f"no {'java' if jar else 'Pub/Sub emulator jar'}: install the Cloud SDK's emulator, or set LAKEHOUSE_PUBSUB_EMULATOR_JAR"
            )
        port = port or free_port()
        command = [java, "-Xmx512m", "-jar", str(jar), "--host=127.0.0.1", f"--port={port}"]
        with _started(command, folder, port), pytest.MonkeyPatch.context() as environment:
            environment.setenv("PUBSUB_EMULATOR_HOST", f"127.0.0.1:{port}")
            yield cls()

    def new_project(self) -> str:
        """Projects of an emulator know nothing of each other: one for each test."""
        return f"test-{next(_numbers)}"

    def bus(self, project: str, ack_deadline_s: float) -> Bus:
        from lakehouse.storage.gcp import PubSubBus

        return PubSubBus(project, ack_deadline_s=ack_deadline_s)

    def maker(self, project: str) -> Callable[..., None]:
        def make(topic: str, *subscriptions: str) -> None:
            bus = self.bus(project, ack_deadline_s=10)
            bus.make(topic, *subscriptions)
            bus.close()

        return make


class CloudStorage:
    """The JSON API of Cloud Storage over a folder."""

    @classmethod
    @contextmanager
    def running(cls, folder: Path) -> Iterator["CloudStorage"]:
        if importlib.util.find_spec("gcp_storage_emulator") is None:
            pytest.skip("no Cloud Storage emulator: pip install gcp-storage-emulator")
        port = free_port()
        command = [sys.executable, "-m", "gcp_storage_emulator", "start", "--host=127.0.0.1", f"--port={port}", "--in-memory"]
        with _started(command, folder, port), pytest.MonkeyPatch.context() as environment:
            environment.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
            yield cls()

    def new_bucket(self) -> str:
        from google.cloud import storage

        name = f"lake-{next(_numbers)}"
        storage.Client(project="test").create_bucket(name)
        return name

    def files(self, bucket: str) -> Files:
        from lakehouse.storage.gcp import GcsFiles

        return GcsFiles("test", bucket)


def _jar() -> Path | None:
    if settings().pubsub_emulator_jar:
        return settings().pubsub_emulator_jar
    found = [jar for sdk in _SDKS for jar in Path(sdk).glob("platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar")]
    return found[0] if found else None


@contextmanager
def _started(command: list[str], folder: Path, port: int) -> Iterator[None]:
    with (folder / "output.txt").open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=subprocess.STDOUT)
    try:
        _wait_for(port, process, folder / "output.txt")
        yield
    finally:
        process.kill()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen, output: Path) -> None:
    until = time.monotonic() + 90
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"{process.args[0]} did not start:\n{output.read_text(errors='replace')[-2000:]}")

"""A collector in a process of its own, and media objects to send it."""

import base64
import hashlib
import io
import json
import os
import subprocess
import sys
import time
import wave
from pathlib import Path

import httpx

from lakehouse.contracts import registry
from lakehouse.media.record import MediaRecord, read
from lakehouse.places import media_records_dir
from lakehouse.privacy.media import open_media
from lakehouse.settings import settings
from lakehouse.storage.open import open_files, open_vault

HOST = "my-ktube.com"
USER = "learner.one"
START_S = 120


class Collector:
    """`lakehouse collect`, with a client."""

    def __init__(self, home: Path, **options: object) -> None:
        ready = home / f"ready-{time.monotonic_ns()}.json"
        env = os.environ | {"LAKEHOUSE_HOME": str(home)} | {f"LAKEHOUSE_{k.upper()}": str(v) for k, v in options.items()}  # noqa: TID251
        command = [str(Path(sys.executable).with_name("lakehouse")), "collect", "--port", "0", "--ready-file", str(ready)]
        self.log = home / "collector.log"
        with self.log.open("ab") as errors:
            self.process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=errors)
        until = time.monotonic() + START_S
        while not ready.exists():
            assert self.process.poll() is None and time.monotonic() < until, self.log.read_text()
            time.sleep(0.02)
        self.address = json.loads(ready.read_text())["address"]
        self.client = httpx.Client(base_url=self.address, headers={"Host": HOST}, timeout=60, trust_env=False)

    def put(self, media_id: str, data, content_type: str = "audio/wav", kind: str = "speech", user: str = USER, **headers: str | None):
        """`data`: bytes, or (pieces, SHA-256 of them all). A header that is None is left out."""
        pieces, digest = (data, hashlib.sha256(data).digest()) if isinstance(data, bytes) else data
        told = {"media-user-id": user, "media-kind": kind, "content-type": content_type, "content-digest": digest_header(digest)}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.put(f"/v1/media/{media_id}", content=pieces, headers={n: v for n, v in told.items() if v is not None})

    def metrics(self) -> dict[str, float]:
        lines = self.client.get("/metrics").text.splitlines()
        return {k: float(v) for k, v in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    def close(self) -> None:
        self.client.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def digest_header(digest: bytes) -> str:
    return f"sha-256=:{base64.b64encode(digest).decode()}:"


def tone(frames: int = 8_000, seed: int = 1) -> bytes:
    """A WAV file of noise, so that no two are alike and none compresses."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8_000)
        file.writeframes(noise(seed, frames))
    return out.getvalue()


def noise(seed: int, size: int) -> bytes:
    return hashlib.shake_128(str(seed).encode()).digest(size)


def keypoints(frames: int = 5) -> bytes:
    return json.dumps([{"frame": n, "landmarks": [[0.1 * n, 0.2, 0.3, 0.99]] * 33} for n in range(frames)]).encode()


def read_back(media_id: str, kind: str = "speech", user: str = USER) -> bytes:
    files, vault = open_files(settings()), open_vault(settings())
    contract, _ = registry().media_kind(kind)
    with open_media(files, vault, contract, vault.subjects([user])[user].pid, media_id) as media:
        return media.read()


def all_records() -> list[MediaRecord]:
    files = open_files(settings())
    return [read(files, path) for path in files.list(media_records_dir("kzone") + "/")]


def left_over(home: Path) -> list[str]:
    """Everything below raw/media and drafts that is not an object with its record, nor a record."""
    lake = home / "lake"
    known = {r.path for r in all_records()}
    files = [p.relative_to(lake).as_posix() for p in lake.rglob("*") if p.is_file() and ("media" in p.parts or ".tmp-drafts" in p.parts)]
    return sorted(path for path in files if path not in known and "/_records/" not in path)

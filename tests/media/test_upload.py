"""Uploads against a real collector: what is kept, what is refused, and what lies on the disk."""

import hashlib
import json
import socket
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from uploading import HOST, USER, Collector, all_records, digest_header, keypoints, left_over, noise, read_back, tone

from collectors.media.sniff import SNIFFERS
from lakehouse.contracts import registry
from lakehouse.errors import CorruptError, KeyGoneError
from lakehouse.places import Home
from lakehouse.privacy.erasure.scan import scan
from lakehouse.privacy.media import open_media
from lakehouse.settings import settings
from lakehouse.storage.open import open_files, open_vault

SPEECH = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "speech" / "clips"


def new_id() -> str:
    return str(uuid.uuid4())


def code(response) -> tuple[int, str]:
    return response.status_code, response.json().get("code", "")


def test_what_was_uploaded_is_read_back(collector: Collector) -> None:
    for kind, content_type, data in (
        ("speech", "audio/wav", tone()),
        ("speech", "audio/x-wav; rate=8000", tone(seed=2)),
        ("keypoints", "application/json", keypoints(200)),
    ):
        media_id = new_id()
        answer = collector.put(media_id, data, content_type, kind, media_org_id="12")
        assert answer.status_code == 201, answer.text
        assert answer.json() == {"media_id": media_id, "size_bytes": len(data)}
        assert read_back(media_id, kind) == data
    assert left_over(collector.home) == []
    record = next(r for r in all_records() if r.kind == "keypoints")
    assert (record.contract, record.org_id, record.zone_id) == ("kzone.motion.events", 12, "kzone")


@pytest.mark.skipif(not SPEECH.is_dir(), reason="the real speech clips (shared/data/speech) are not on this machine")
def test_real_speech_comes_back_as_it_was(collector: Collector) -> None:
    clips = sorted(SPEECH.glob("*.flac"))
    assert len(clips) >= 20
    for clip in clips:
        assert collector.put(f"clip-{clip.stem}", clip.read_bytes(), "audio/flac").status_code == 201
    for clip in clips:
        assert read_back(f"clip-{clip.stem}") == clip.read_bytes()


def test_a_repeated_upload_is_the_same_and_another_one_a_conflict(collector: Collector) -> None:
    media_id, data = new_id(), tone(seed=3)
    assert [collector.put(media_id, data).status_code for _ in range(3)] == [201, 200, 200]
    assert code(collector.put(media_id, tone(seed=4))) == (409, "conflict")
    assert code(collector.put(media_id, tone(seed=4), content_digest=digest_header(hashlib.sha256(data).digest()))) == (
        400,
        "digest_mismatch",
    )
    assert read_back(media_id) == data
    # Another person's object may have the same name: nobody learns from an answer what others have uploaded.
    assert collector.put(media_id, tone(seed=5), user="learner.two").status_code == 201
    assert read_back(media_id) == data
    assert left_over(collector.home) == []


REFUSED = [
    ({"content_type": "video/mp4"}, (415, "unsupported_media_type")),
    ({"content_type": None}, (415, "unsupported_media_type")),
    ({"data": b"<html>an error page, nothing else, but long enough to be looked at</html>"}, (415, "not_as_declared")),
    ({"data": b""}, (415, "not_as_declared")),
    ({"content_digest": None}, (400, "digest_missing")),
    ({"content_digest": "sha-256=:short=:"}, (400, "digest_missing")),
    ({"content_digest": digest_header(bytes(32))}, (400, "digest_mismatch")),
    ({"media_user_id": None}, (400, "bad_header")),
    ({"media_user_id": "two words"}, (400, "bad_header")),
    ({"media_org_id": "many"}, (400, "bad_header")),
    ({"media_org_id": "-3"}, (400, "bad_header")),
    ({"media_id": "short"}, (400, "bad_media_id")),
    ({"media_id": "a.b@example.com"}, (400, "bad_media_id")),
    ({"kind": "holograms"}, (400, "unknown_kind")),
    ({"host": "example.com"}, (421, "unknown_site")),
    ({"kind": "keypoints", "content_type": "application/json", "data": b"[" + b" " * 33_554_432}, (413, "too_large")),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "expected"), REFUSED, ids=[f"{c[1]}-{next(iter(w))}-{n}" for n, (w, c) in enumerate(REFUSED)])
def test_what_is_refused_leaves_nothing(collector: Collector, wrong: dict, expected: tuple[int, str]) -> None:
    before = len(all_records())
    assert code(collector.put(**{"media_id": new_id(), "data": tone(), **wrong})) == expected
    assert len(all_records()) == before
    assert left_over(collector.home) == []


def test_a_body_without_a_length_is_stopped_at_the_limit(collector: Collector) -> None:
    def endless():
        yield b"["
        for _ in range(600):
            yield b" " * 65_536

    answer = collector.put(new_id(), (endless(), bytes(32)), "application/json", "keypoints")
    assert code(answer) == (413, "too_large")
    assert left_over(collector.home) == []


def test_other_methods_and_paths_are_told_what_to_do(collector: Collector) -> None:
    assert collector.client.get("/v1/media/abcdefgh").headers["allow"] == "PUT"
    assert collector.client.put("/v1/media").headers["allow"] == "POST"
    assert collector.client.get("/v1/media/abcdefgh").status_code == 405


def test_a_client_that_goes_away_leaves_nothing(collector: Collector) -> None:
    host, port = collector.address.removeprefix("http://").split(":")
    head = (
        f"PUT /v1/media/{new_id()} HTTP/1.1\r\nHost: {HOST}\r\nMedia-User-Id: {USER}\r\nMedia-Kind: speech\r\nContent-Type: audio/wav\r\n"
    )
    head += f"Content-Digest: {digest_header(bytes(32))}\r\nContent-Length: 9000000\r\n\r\n"
    before = len(all_records())
    with socket.create_connection((host, int(port))) as client:
        client.sendall(head.encode() + tone(2_000_000))
        until = time.monotonic() + 20
        while not left_over(collector.home):
            assert time.monotonic() < until, "the upload never began"
            time.sleep(0.02)
    until = time.monotonic() + 20
    while left_over(collector.home):
        assert time.monotonic() < until, left_over(collector.home)
        time.sleep(0.02)
    assert len(all_records()) == before


def test_no_plaintext_and_no_name_is_on_the_disk(collector: Collector) -> None:
    marks = [noise(77, 48), b"learner.with.a.name", b"media-id-that-is-long-enough"]
    data = tone(200_000, seed=78)[:100_000] + marks[0] * 2_000
    assert collector.put(marks[2].decode(), data, user=marks[1].decode()).status_code == 201
    assert marks[0] in read_back(marks[2].decode(), user=marks[1].decode())
    hits, looked_at = scan(collector.home, marks)
    assert not hits and looked_at > 100_000
    names = [str(path) for path in collector.home.rglob("*")]
    assert not [n for n in names if marks[1].decode() in n or marks[2].decode() in n]


def test_a_destroyed_key_forgets_the_clip(collector: Collector) -> None:
    media_id, user = new_id(), "learner.to.forget"
    assert collector.put(media_id, tone(seed=6), user=user).status_code == 201
    vault = open_vault(settings())
    learner = vault.subjects([user])[user]
    assert learner.key_id in {r.subject for r in all_records()}
    vault.forget([user], datetime.now(UTC))
    contract, _ = registry().media_kind("speech")
    with pytest.raises(KeyGoneError), open_media(open_files(settings()), vault, contract, learner.pid, media_id):
        pass
    assert code(collector.put(media_id, tone(seed=6), user=user)) == (410, "forgotten")


def test_an_object_that_was_changed_or_exchanged_does_not_open(collector: Collector) -> None:
    one, other = new_id(), new_id()
    for media_id, seed in ((one, 8), (other, 9)):
        assert collector.put(media_id, tone(200_000, seed)).status_code == 201
    lake = Home(collector.home).lake
    first, second = (lake / r.path for r in sorted(all_records(), key=lambda r: r.received_at)[-2:])
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    with pytest.raises(CorruptError):
        read_back(one)
    first.write_bytes(kept[:100_000] + bytes([kept[100_000] ^ 1]) + kept[100_001:])
    with pytest.raises(CorruptError):
        read_back(one)
    first.unlink()
    with pytest.raises(CorruptError, match="is gone"):
        read_back(one)
    first.write_bytes(kept)
    assert read_back(one) == tone(200_000, 8)


def test_uploads_beyond_the_bound_are_told_to_come_again(collect) -> None:
    collector = collect(media_uploads=1)
    hold, held = threading.Event(), threading.Event()

    def slow():
        yield tone()
        held.set()
        hold.wait(30)

    data = tone()
    first = threading.Thread(target=lambda: results.append(collector.put(new_id(), (slow(), hashlib.sha256(data).digest())).status_code))
    results: list[int] = []
    first.start()
    held.wait(30)
    until = time.monotonic() + 20
    while not collector.metrics()["media_uploads_in_progress"]:
        assert time.monotonic() < until
        time.sleep(0.02)
    second = collector.put(new_id(), data)
    assert code(second) == (503, "busy") and int(second.headers["retry-after"]) > 0
    hold.set()
    first.join()
    assert results == [201]
    assert collector.put(new_id(), data).status_code == 201
    assert collector.metrics()['media_uploads_total{kind="speech",status="201"}'] == 2


def test_every_content_type_of_a_contract_can_be_told(root) -> None:
    named = {t for c in registry() for k in c.media_kinds for t in k.content_types}
    assert named and named <= SNIFFERS.keys()


def test_openapi_describes_the_routes(collector: Collector) -> None:
    paths = collector.client.get("/openapi.json").json()["paths"]
    assert set(paths["/v1/media/{media_id}"]) == {"put"} and set(paths["/v1/media"]) == {"post"}
    assert "audio/flac" in json.dumps(paths["/v1/media/{media_id}"])

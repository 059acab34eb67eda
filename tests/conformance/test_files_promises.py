"""What files promise: a file is absent or complete, and durable once put() returns."""

import threading
from pathlib import Path

import pytest

from lakehouse.errors import BadInputError


def test_a_file_is_what_was_put(files, reopen_files):
    files.put("exams/raw/events/part.parquet", b"\x00\xff")
    files.put("empty", b"")
    assert (reopen_files().get("exams/raw/events/part.parquet"), reopen_files().get("empty")) == (b"\x00\xff", b"")


def test_put_replaces(files):
    files.put("a", b"long before")
    files.put("a", b"after")
    assert files.get("a") == b"after"


def test_an_absent_file_is_not_found(files):
    with pytest.raises(FileNotFoundError):
        files.get("a/b")


def test_list_is_sorted_and_by_prefix(files):
    for path in ("exams/raw/b", "exams/raw/a/z", "exams/raw2/c", "web/d", "exams/rawer"):
        files.put(path, b"x")
    assert files.list("exams/raw") == ["exams/raw/a/z", "exams/raw/b", "exams/raw2/c", "exams/rawer"]
    assert files.list("exams/raw/") == ["exams/raw/a/z", "exams/raw/b"]
    assert files.list("exams/raw/a/z") == ["exams/raw/a/z"]
    assert files.list("nothing/here") == []
    assert files.list("") == ["exams/raw/a/z", "exams/raw/b", "exams/raw2/c", "exams/rawer", "web/d"]


def test_delete_forgets_and_forgives(files):
    files.put("a/b", b"x")
    files.delete("a/b")
    files.delete("a/b")
    assert files.list("") == []


def test_names_with_spaces_and_letters_of_the_world(files):
    files.put("시험/dt=2026-01-31/a b+c%20.json", b"x")
    assert files.list("시험/") == ["시험/dt=2026-01-31/a b+c%20.json"]
    assert files.get("시험/dt=2026-01-31/a b+c%20.json") == b"x"


@pytest.mark.parametrize("path", ["", "/etc/passwd", "a/../../b", "a//b", "./a", "a/", "nul\0", "a/.tmp-1"])
def test_paths_that_leave_the_root_are_refused(files, path):
    for use in (lambda: files.put(path, b"x"), lambda: files.get(path), lambda: files.delete(path), lambda: files.uri(path)):
        with pytest.raises(BadInputError):
            use()


def test_the_uri_is_where_others_read_it(files):
    files.put("a/b.json", b"x")
    assert Path(files.uri("a/b.json")).read_bytes() == b"x"


def test_a_reader_sees_the_old_file_or_the_new_one(files):
    versions = [bytes([n]) * 200_000 for n in range(8)]
    files.put("a", versions[0])
    writers = [threading.Thread(target=files.put, args=("a", v)) for v in versions]
    for writer in writers:
        writer.start()
    seen = {files.get("a") for _ in range(50)}
    for writer in writers:
        writer.join()
    assert seen <= set(versions)
    assert files.list("") == ["a"]


def test_a_writer_makes_a_file_piece_by_piece(files, reopen_files):
    writer = files.writer("kzone/raw/media/object")
    for piece in (b"a" * 300_000, b"", b"b" * 300_000):
        writer.write(piece)
    assert files.list("") == []
    writer.commit()
    writer.abandon()
    with reopen_files().reader("kzone/raw/media/object") as reader:
        assert (reader.read(2), reader.read(1_000_000)) == (b"aa", b"a" * 299_998 + b"b" * 300_000)
    assert files.list("") == ["kzone/raw/media/object"]


def test_an_abandoned_writer_leaves_nothing(files):
    for pieces in ((), (b"x" * 3_000_000,)):
        writer = files.writer("a")
        for piece in pieces:
            writer.write(piece)
        writer.abandon()
        del writer
    assert files.list("") == []
    with pytest.raises(FileNotFoundError):
        files.reader("a").read(1)


def test_a_writer_never_replaces(files):
    first, second = files.writer("a"), files.writer("a")
    first.write(b"first")
    second.write(b"second")
    first.commit()
    with pytest.raises(FileExistsError):
        second.commit()
    assert files.get("a") == b"first"


def test_a_sweep_leaves_writers_alone_that_are_at_work(files):
    writer = files.writer("a")
    writer.write(b"x")
    assert files.sweep() == 0
    writer.commit()
    assert (files.get("a"), files.sweep()) == (b"x", 0)

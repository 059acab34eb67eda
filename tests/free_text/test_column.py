"""A column is redacted as its texts would be one by one, whatever is in them, and no text takes long."""

import time

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lakehouse.privacy.text import findings, prepared, redacted
from lakehouse.privacy.text.column import looks, redacted_column
from lakehouse.privacy.text.scan import RECOGNISERS
from tests.free_text import labelled
from tests.free_text.written import parts

PIECES = parts("김민준 이 제 이름은 님 씨 쌤 로 길 동 101동 3호 테헤란로 010 1234 -5678 900101 - . : / ( ) @ (at) a.com ID id 계정 Olivia Mr. I'm name is Street ro, Box Kim 공일공 일이삼사 여권 M123A4567 한테 \u200b ０ é\u0301 ß 各", " ")  # fmt: skip


@pytest.mark.parametrize("texts", [labelled.tuned(1_500, seed=3), labelled.held_out(1_500, seed=3)], ids=["tuned", "held out"])
def test_the_patterns_pass_no_text_in_which_something_is_found(texts) -> None:
    column = pa.array([one.text for one in texts])
    assert redacted_column(column).to_pylist() == [redacted(one.text) for one in texts]
    looked_at = sum(int(bits).bit_count() for bits in looks(column))
    assert looked_at < len(texts) * len(RECOGNISERS) / 2  # or they save nothing


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=12), st.sampled_from(["", " "]))
def test_nor_any_other(pieces, between) -> None:
    text = between.join(pieces)
    (bits,) = looks(pa.array([text]))
    text = prepared(text)
    assert findings(text, int(bits)) == findings(text)


def test_an_empty_column_stays_one() -> None:
    assert redacted_column(pa.array([], pa.string())).to_pylist() == []
    assert redacted_column(pa.array([], pa.null())).type == pa.string()


NASTY = ("1-", "1", "1.", "a:", "가로 1 ", "서울시 강남구 ", "역삼동 ", "김", "김민준 ", "Aa ", "a@", "a@a.", "1 A A A ", "1 Maple Street, A", "(1", "+1 ", "id ", "이름은 ", "계좌 12-34-", "101동 ", "Aa-ro, ", "1A Aa ", "12 Oak, Aa ")  # fmt: skip


@pytest.mark.parametrize("piece", NASTY)
def test_no_text_takes_long(piece) -> None:
    """As long as a text may be, and made to keep a pattern trying."""
    text = (piece * 8_192)[:8_192]
    started = time.thread_time()
    redacted_column(pa.array([text]))
    assert time.thread_time() - started < 0.5

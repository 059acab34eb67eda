"""A seal opens with its own key and its own record, and not at all once a byte has changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakehouse.errors import CorruptError, KeyGoneError
from lakehouse.privacy.seal import new_key, seal, seal_all, unseal, unseal_all

KEY = new_key()


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=300), st.binary(max_size=20)), max_size=30))
def test_many_are_sealed_and_opened_in_order(rows):
    pool = [new_key() for _ in range(4)]
    keys, plaintexts, aads = [pool[k] for k, *_ in rows], [p for _, p, _ in rows], [a for *_, a in rows]
    assert unseal_all(keys, seal_all(keys, plaintexts, aads), aads) == plaintexts


def test_one_and_many_speak_the_same_format():
    assert unseal(KEY, seal_all([KEY], [b"payload"], [b"e1"])[0], b"e1") == b"payload"
    assert unseal_all([KEY], [seal(KEY, b"payload", b"e1")], [b"e1"]) == [b"payload"]


def test_no_nonce_comes_twice_and_nothing_shows():
    sealed = seal_all([KEY] * 1000, [b"same payload"] * 1000, [b"e1"] * 1000)
    assert len({s[1:13] for s in sealed}) == 1000
    assert all(s[:1] == b"\x01" and b"payload" not in s for s in sealed)


def test_every_single_flipped_bit_is_noticed():
    sealed = seal(KEY, b"payload", b"e1")
    for at in range(len(sealed) * 8):
        damaged = bytearray(sealed)
        damaged[at // 8] ^= 1 << at % 8
        with pytest.raises(CorruptError):
            unseal(KEY, bytes(damaged), b"e1")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" * 28, b'{"plain": "json"}', b"\x02" + bytes(40)])
def test_what_was_never_sealed_does_not_open(sealed):
    with pytest.raises(CorruptError):
        unseal(KEY, sealed, b"e1")


def test_a_seal_belongs_to_its_record_and_its_key():
    sealed = seal(KEY, b"payload", b"e1")
    for key, aad in ((KEY, b"e2"), (new_key(), b"e1")):
        with pytest.raises(CorruptError):
            unseal(key, sealed, aad)
        with pytest.raises(CorruptError):
            unseal_all([KEY, key], [sealed, sealed], [b"e1", aad])


def test_a_destroyed_key_is_an_answer_of_its_own():
    sealed = seal(KEY, b"payload", b"e1")
    with pytest.raises(KeyGoneError):
        unseal(None, sealed, b"e1")
    assert unseal_all([KEY, None, KEY], [sealed] * 3, [b"e1"] * 3) == [b"payload", None, b"payload"]


def test_lists_of_different_length_are_a_mistake():
    with pytest.raises(ValueError):
        seal_all([KEY], [b"a", b"b"], [b"e1", b"e2"])
    with pytest.raises(ValueError):
        unseal_all([KEY], [], [])

"""Packing codes and label sets, and refusing what is neither."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashbench.errors import InputError
from hashbench.metrics.codes import Codes, LabelMasks, code_facts


@given(st.integers(0, 20), st.integers(1, 300), st.integers(0, 2**32 - 1))
def test_every_form_of_the_same_bits_packs_the_same(rows, bits, seed):
    wanted = np.random.default_rng(seed).random((rows + 1, bits)) < 0.5
    forms = [wanted, np.where(wanted, 1.0, -1.0), np.where(wanted, 1, -1).astype(np.int8)]
    forms.append(wanted.astype(np.uint8))
    for form in forms:
        codes = Codes.from_signs(form)
        assert codes.words.shape == (rows + 1, -(-bits // 64))
        assert codes.words.dtype == np.uint64
        np.testing.assert_array_equal(codes.to_bools(), wanted)
    for order in ("little", "big"):
        packed = np.packbits(wanted, axis=1, bitorder=order)
        from_bytes = Codes.from_packed_bytes(packed, bits, bitorder=order)
        np.testing.assert_array_equal(from_bytes.words, codes.words)
    labels = LabelMasks.from_multi_hot(wanted)
    np.testing.assert_array_equal(labels.words, codes.words)
    np.testing.assert_array_equal(labels.to_bools(), wanted)
    np.testing.assert_array_equal(codes[1:].to_bools(), wanted[1:])


def test_bit_j_is_bit_j_of_the_words():
    signs = -np.ones((1, 70))
    signs[0, [0, 3, 65]] = 1
    assert Codes.from_signs(signs).words.tolist() == [[1 + 8, 2]]


def test_class_numbers_are_one_label_an_item():
    labels = LabelMasks.from_class_index(np.array([0, 64, 2]), 65)
    assert np.argwhere(labels.to_bools()).tolist() == [[0, 0], [1, 64], [2, 2]]
    floats = LabelMasks.from_class_index(np.array([0.0, 64.0, 2.0]), 65)
    np.testing.assert_array_equal(labels.words, floats.words)


def test_big_arrays_are_packed_in_blocks(monkeypatch):
    bits = np.random.default_rng(0).random((1000, 40)) < 0.5
    whole = Codes.from_signs(bits)
    monkeypatch.setattr("hashbench.metrics.codes._ELEMENTS_AT_ONCE", 300)
    np.testing.assert_array_equal(Codes.from_signs(bits).words, whole.words)
    assert code_facts(whole).balance == pytest.approx(np.abs(2 * bits.mean(axis=0) - 1).mean())


def test_zeros_of_a_sign_are_decided_by_the_caller():
    array = np.array([[1.0, 0.0, -1.0]])
    with pytest.raises(InputError, match="1 zeros"):
        Codes.from_signs(array)
    assert Codes.from_signs(array, zero="plus").to_bools().tolist() == [[True, True, False]]
    assert Codes.from_signs(array, zero="minus").to_bools().tolist() == [[True, False, False]]
    # Without a -1 the same array is 0/1, whatever zeros of signs mean.
    plain = Codes.from_signs(np.array([[1, 0]]), zero="plus")
    assert plain.to_bools().tolist() == [[True, False]]


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.ones(3), r"shape \(3,\)"),
        (np.ones((0, 3)), r"shape \(0, 3\)"),
        (np.ones((2, 0)), r"shape \(2, 0\)"),
        (np.array([[1.0, np.nan]]), "nan"),
        (np.array([[0.3, -1.0]]), "0.3"),
        (np.array([[2, 1]]), "contain 2"),
        (np.array([["a"]]), "not numbers"),
        (np.array([[1j]]), "not numbers"),
        (np.ones((1, 4097)), "4097 bits; valid: 1 to 4096"),
    ],
)
def test_what_is_no_code_is_refused(array, message):
    with pytest.raises(InputError, match=message):
        Codes.from_signs(array)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array([[1, -1]]), "labels contain -1"),
        (np.array([[1, 0.5]]), "0.5"),
        (np.array([1, 0]), r"shape \(2,\)"),
        (np.ones((1, 1025)), "1025 classes"),
    ],
)
def test_what_is_no_label_set_is_refused(array, message):
    with pytest.raises(InputError, match=message):
        LabelMasks.from_multi_hot(array)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (np.array([0, 3]), "0 to 2"),
        (np.array([-1, 0]), "-1"),
        (np.array([0.5]), "whole"),
        (np.array([np.nan]), "whole"),
        (np.array([[0]]), "shape"),
        (np.array(["a"]), "not integers"),
    ],
)
def test_what_is_no_class_number_is_refused(index, message):
    with pytest.raises(InputError, match=message):
        LabelMasks.from_class_index(index, 3)


def test_packed_bytes_must_fill_their_bits():
    packed = np.array([[1, 0b1000_0000]], np.uint8)
    assert Codes.from_packed_bytes(packed).bits == 16
    with pytest.raises(InputError, match="beyond the 12"):
        Codes.from_packed_bytes(packed, 12)
    assert Codes.from_packed_bytes(packed, 12, bitorder="big").to_bools().sum() == 2
    for bits in (8, 17):
        with pytest.raises(InputError, match="do not fill 2 bytes"):
            Codes.from_packed_bytes(packed, bits)
    with pytest.raises(InputError, match="int64, not uint8"):
        Codes.from_packed_bytes(packed.astype(np.int64))


def test_words_must_fit_their_bits():
    """The kernels index by distance, so a stray bit must never reach them."""
    with pytest.raises(InputError, match="beyond the 3 bits"):
        Codes(np.array([[8]], np.uint64), 3)
    with pytest.raises(InputError, match="beyond the 65 classes"):
        LabelMasks(np.array([[0, 2]], np.uint64), 65)
    for words in (np.zeros((2, 2), np.uint64), np.zeros((2, 1), np.int64), np.zeros(2, np.uint64)):
        with pytest.raises(InputError, match="do not hold 64 bits"):
            Codes(words, 64)
    with pytest.raises(InputError, match="0 bits"):
        Codes(np.zeros((2, 0), np.uint64), 0)
    with pytest.raises(InputError, match="choose rows"):
        Codes(np.zeros((2, 1), np.uint64), 64)[0]


@pytest.mark.parametrize("bits", [6, 64, 130])
def test_facts(bits):
    codes = np.zeros((4, bits), bool)
    codes[:2, 0] = True
    codes[0, 1] = True
    facts = code_facts(Codes.from_signs(codes))
    assert (facts.items, facts.bits, facts.distinct, facts.constant) == (4, bits, 3, bits - 2)
    assert facts.balance == pytest.approx((0 + 0.5 + (bits - 2)) / bits)
    assert facts.equal_pairs == pytest.approx(1 / 6)  # the last two items, of six pairs


@pytest.mark.parametrize("bits", [5, 12, 100])
def test_facts_are_the_same_counted_in_shares(bits, monkeypatch):
    rng = np.random.default_rng(bits)
    codes = Codes.from_signs(rng.random((997, min(bits, 12))) < 0.5)
    if bits > 64:  # two words, the second of which matters
        codes = Codes(np.hstack([codes.words % np.uint64(7), codes.words]), bits)
    whole = code_facts(codes)
    assert whole.distinct == len(np.unique(codes.words, axis=0))
    monkeypatch.setattr("hashbench.metrics.codes._SORTED_AT_ONCE", 101)
    monkeypatch.setattr("hashbench.metrics.codes._ELEMENTS_AT_ONCE", 90)
    assert code_facts(codes) == whole

from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smallworld import drawing
from smallworld.tokenizer import END, MAX_TOKENS, PAD, START, VOCABULARY_SIZE, WORDS, tokenize, words


def test_known_prompt_has_the_ids_that_the_weights_were_trained_with():
    ids = [START, *(3 + WORDS.index(word) for word in ("a", "red", "circle", "on", "blue")), END]
    assert tokenize("a RED circle on blue!") == ids + [PAD] * (MAX_TOKENS - len(ids))
    # The whole list, in its order: any change would give the released weights other words.
    assert (len(WORDS), zlib.crc32(" ".join(WORDS).encode())) == (128, 1735561822)


def test_empty_prompt_is_start_and_end():
    assert tokenize("")[:3] == [START, END, PAD]


def test_a_word_of_no_caption_gets_the_same_shared_place_each_time():
    first, second = tokenize("zebra")[1], tokenize("a zebra")[2]
    assert first == second >= 3 + len(WORDS)


def test_a_comma_is_a_word_and_other_punctuation_is_not():
    assert words("A star, (red) on... black") == ["a", "star", ",", "red", "on", "black"]


@settings(deadline=None)  # the machine may be busy
@given(st.text())
def test_any_text_fits_the_model(text):
    ids = tokenize(text)
    assert len(ids) == MAX_TOKENS
    assert all(0 <= token < VOCABULARY_SIZE for token in ids)
    assert ids[0] == START
    assert ids.count(END) == 1


@pytest.mark.parametrize("seed", range(3))
def test_every_word_of_every_caption_is_known_and_no_caption_is_cut(seed):
    rng = random.Random(seed)
    for _ in range(700):
        found = words(drawing.caption(rng, drawing.sample_scene(rng)))
        assert set(found) <= set(WORDS)
        assert len(found) <= MAX_TOKENS - 2

from __future__ import annotations

import random
import re
import unicodedata
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from smallworld.prompt import (
    END,
    MAX_TOKENS,
    OTHERS,
    PAD,
    PHRASES,
    SILENT,
    START,
    SYNONYMS,
    VOCABULARY_SIZE,
    WORDS,
    _split,
    read,
    tokenize,
    unknown_words,
)
from smallworld.training.generator import drawing


def test_known_prompt_has_the_ids_that_the_weights_were_trained_with():
    ids = [START, *(3 + WORDS.index(word) for word in ("red", "circle", "on", "blue")), END]
    assert tokenize("a RED circle on blue!") == ids + [PAD] * (MAX_TOKENS - len(ids))
    # The whole list, in its order: any change would give the released weights other words.
    assert (len(WORDS), zlib.crc32(" ".join(WORDS).encode())) == (88, 2747683723)


def test_empty_prompt_is_start_and_end():
    assert tokenize("")[:3] == [START, END, PAD]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("a grey disc", "gray circle"),
        ("two boxes in front of a violet background", "two square purple background"),
        ("a red star, blue background", "red star blue background"),
        ("a red star with a blue background", "red star blue background"),
        ("a red star on blue", "red star on blue"),
        ("a plus sign to the left of three hearts", "cross left_of three heart"),
        ("3 cacti and 2 pine trees", "three cactus and two pine"),
        ("a hot-air balloon over the ocean at dusk", "balloon over sea sunset"),
        ("a cottage in the top left corner", "house top_left"),
        ("stormy evening, misty mountains", "lightning sunset , fog mountains"),
        ("a watercolor painting of a snowman", "watercolour snowman"),
        ("one single tent", "tent"),
    ],
)
def test_synonyms_plurals_articles_and_phrases_are_understood(said, meant):
    reading = read(said)
    assert " ".join(reading.words) == meant
    assert (reading.unknown, reading.corrected) == ((), ())


@pytest.mark.parametrize(
    ("slip", "word"),
    [
        ("crcle", "circle"),
        ("trianlge", "triangle"),
        ("purpel", "purple"),
        ("yelow", "yellow"),
        ("bckground", "background"),
        ("lihgthouse", "lighthouse"),
        ("musrhooms", "mushroom"),
        ("squaer", "square"),
    ],
)
def test_a_typing_slip_is_understood_and_named(slip, word):
    reading = read(f"a {slip}")
    assert reading.words == (word,)
    assert reading.unknown == ()
    assert [bad for bad, _ in reading.corrected] == [slip]


@pytest.mark.parametrize("word", ["dragon", "horse", "mouse", "cat", "goat", "castle", "person", "rde", "7"])
def test_a_word_without_meaning_is_left_out_and_named_not_guessed(word):
    assert unknown_words(f"a red {word} on blue, the {word}") == [word]
    assert read(f"a red {word} on blue").words == ("red", "on", "blue")


@pytest.mark.parametrize(
    ("text", "words", "unknown"),
    [
        ("красный круг", "", ["красный", "круг"]),
        ("עיגול אדום", "", ["עיגול", "אדום"]),
        ("红色的圆", "", ["红色的圆"]),
        ("赤いcircle、青", "circle ,", ["赤い", "青"]),
        ("빨간 원", "", ["빨간", "원"]),
        ("की मछली", "", ["की", "मछली"]),
        ("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", "", ["\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"]),
        ("röter Kreis", "", ["röter", "kreis"]),
        ("a café by the sea", "sea", ["café"]),
        ("a cafe\u0301", "", ["café"]),
        ("ÉTOILE", "", ["étoile"]),
        ("🎨🎨", "", ["🎨🎨"]),
        ("red circle🎨, 👍🏽 ❤️", "red circle ,", ["🎨", "👍🏽", "❤️"]),
        ("👩\u200d🎨 1️⃣", "", ["👩\u200d🎨", "1️⃣"]),
        ("ｒｅｄ　ｃｉｒｃｌｅ", "red circle", []),
        ("a red² circle", "red circle", ["²"]),
        ("a “red” circle’s — blue™ background…", "red circle blue background", ["s"]),
    ],
)
def test_words_of_every_script_are_named_whole(text, words, unknown):
    assert (" ".join(read(text).words), unknown_words(text)) == (words, unknown)


@settings(deadline=None)
@given(st.text(st.characters(max_codepoint=127)))
def test_ascii_is_cut_as_the_weights_were_trained_with(text):
    assert list(_split(text)) == re.findall(r"[a-z0-9]+|,", text.lower())


@settings(deadline=None)
@given(st.text(st.characters(categories=["L"]), min_size=1))
def test_no_letter_is_passed_over_in_silence(text):
    assert len("".join(_split(text))) == len(unicodedata.normalize("NFC", text.lower()))


def test_tables_lead_to_words_the_model_has():
    for meant in [*PHRASES.values(), *SYNONYMS.values()]:
        assert set(meant.split()) <= set(WORDS), meant
    assert not OTHERS & {*SYNONYMS, *SILENT, *WORDS}, "a word cannot be both ours and another"


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
        reading = read(drawing.caption(rng, drawing.sample_scene(rng)))
        assert (reading.unknown, reading.corrected) == ((), ())
        assert len(reading.words) <= MAX_TOKENS - 2

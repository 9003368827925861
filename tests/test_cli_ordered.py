"""The order of prompt options, as it stands on the command line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from splitmask.cli.ordered import FLAGS, in_order

VALUES = st.text(st.characters(codec="ascii", exclude_characters="-="), min_size=1, max_size=6)
WORDS = st.lists(st.tuples(st.sampled_from(FLAGS), VALUES, st.booleans()))
OTHERS = st.lists(st.sampled_from(["clip.mp4", "--overwrite", "-o"]), max_size=2)


@given(WORDS, OTHERS)
def test_order_survives_either_spelling(words: list[tuple[str, str, bool]], others: list[str]) -> None:
    arguments = list(others)
    for flag, value, joined in words:
        arguments += [f"{flag}={value}"] if joined else [flag, value]
        arguments += others
    assert in_order(arguments) == [(flag, value) for flag, value, _ in words]


def test_after_two_dashes_nothing_is_an_option() -> None:
    assert in_order(["--point", "1,2", "--", "--point", "3,4"]) == [("--point", "1,2")]


def test_a_negative_number_is_a_value() -> None:
    assert in_order(["--point", "-5,3", "clip.mp4"]) == [("--point", "-5,3")]


def test_a_missing_value_is_left_to_the_parser() -> None:
    assert in_order(["clip.mp4", "--point"]) == [("--point", "")]

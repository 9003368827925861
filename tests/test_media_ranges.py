import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitmask.errors import PromptError
from splitmask.media import parse_range
from splitmask.media.ranges import check_range, format_range


@pytest.mark.parametrize(
    ("text", "expected"),
    [("10:20", (10, 20)), ("10:", (10, None)), (":20", (0, 20)), (":", (0, None)), (" 1 : 2 ", (1, 2))],
)
def test_reads_half_open_ranges(text: str, expected: tuple[int, int | None]) -> None:
    assert parse_range(text) == expected


@given(st.integers(0, 10**9), st.none() | st.integers(1, 10**9))
def test_a_written_range_reads_back(start: int, length: int | None) -> None:
    window = (start, None if length is None else start + length)
    assert parse_range(format_range(window)) == window


@pytest.mark.parametrize("text", ["", "a:b", "1:2:3", "-1:4", "1-4", "1.5:2", "٣:٤"])
def test_says_how_to_write_a_range(text: str) -> None:
    with pytest.raises(PromptError, match=r"not of the form A:B; write e\.g\. 10:20"):
        parse_range(text)


def test_a_single_number_gets_the_range_that_was_meant() -> None:
    with pytest.raises(PromptError, match="7:8 for frame 7 alone"):
        parse_range("7")


@pytest.mark.parametrize("text", ["5:5", "6:2", ":0"])
def test_refuses_empty_ranges(text: str) -> None:
    with pytest.raises(PromptError, match="is empty"):
        parse_range(text)


@pytest.mark.parametrize("window", [(-1, 4), (-4, -1), (-2, None)])
def test_refuses_negative_ranges(window: tuple[int, int | None]) -> None:
    with pytest.raises(PromptError, match="counted from 0"):
        check_range(window)

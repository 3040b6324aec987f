"""Rows as aligned lines."""

from callbox.terminal.table import aligned


def test_columns_begin_below_each_other_and_no_line_ends_with_spaces() -> None:
    assert aligned([("id", "zone", "age"), ("1", "riverside", "2h"), ("100", "x", "")]) == [
        "id   zone       age",
        "1    riverside  2h",
        "100  x",
    ]


def test_a_wide_character_takes_two_columns() -> None:
    assert aligned([("消防", "a"), ("fire", "b")]) == ["消防  a", "fire  b"]


def test_no_rows_are_no_lines() -> None:
    assert aligned([]) == []


def test_without_a_width_nothing_is_shortened() -> None:
    assert aligned([("a" * 300, "b")], flexible=(0,)) == ["a" * 300 + "  b"]


def test_where_the_width_is_short_the_widest_flexible_columns_give_way() -> None:
    rows = [("0123456789ab", "0123456789abcdef", "0123456789abcdefghij")]
    assert aligned(rows, width=52, flexible=(1,)) == ["  ".join(rows[0])]
    (line,) = aligned(rows, width=48, flexible=(0, 1))
    assert line == "0123456789ab  0123456789a…  0123456789abcdefghij"
    assert len(line) == 48


def test_no_column_gets_narrower_than_can_be_read() -> None:
    assert aligned([("0123456789", "0123456789")], width=5, flexible=(0,)) == ["0123456…  0123456789"]


def test_a_wide_character_is_not_cut_in_half() -> None:
    assert aligned([("火火火火火火", "x")], width=11, flexible=(0,)) == ["火火火 …  x"]

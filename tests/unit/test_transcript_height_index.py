from __future__ import annotations

import random

import pytest

from tui_chat.app.transcript.height_index import HeightIndex


def test_agrees_with_a_plain_list_through_any_changes() -> None:
    rng = random.Random(7)
    heights = [rng.randrange(5) for _ in range(37)]
    index = HeightIndex(heights)
    for _ in range(400):
        match rng.randrange(4):
            case 0:
                heights.append(rng.randrange(6))
                index.append(heights[-1])
            case 1 if heights:
                assert index.pop() == heights.pop()
            case _ if heights:
                at, height = rng.randrange(len(heights)), rng.randrange(6)
                assert index.set(at, height) == height - heights[at]
                heights[at] = height
            case _:
                pass
        assert len(index) == len(heights)
        assert index.total == sum(heights)
        assert [index.before(at) for at in range(len(heights) + 1)] == [
            sum(heights[:at]) for at in range(len(heights) + 1)
        ]
        rows = [(at, row) for at, height in enumerate(heights) for row in range(height)]
        assert [index.find(row) for row in range(len(rows))] == rows


def test_a_row_outside_is_clamped() -> None:
    index = HeightIndex([2, 0, 3])
    assert index.find(-1) == (0, 0)
    assert index.find(99) == (2, 2)


def test_nothing_is_found_where_nothing_has_a_height() -> None:
    with pytest.raises(IndexError):
        HeightIndex([0, 0]).find(0)

"""The benchmarks' own machinery: what it computes, writes, and how it ends. Nothing is timed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks import __main__ as command
from tests.benchmarks.catalogue import BENCHMARKS
from tests.benchmarks.measure import (
    Benchmark,
    Effort,
    Row,
    Sample,
    Target,
    paired,
    paired_async,
)
from tests.benchmarks.report import SCHEMA, Result, as_json, as_table
from tests.benchmarks.wire import ENDING, deltas, framed
from tests.support.checkout import ROOT, run_python


def row(**changes: Any) -> Row:
    given: dict[str, Any] = {
        "name": "something",
        "unit": "ns",
        "ours": Sample([30, 10, 20]),
        "peer": Sample([10, 10, 5]),
        "peer_name": "something else",
    }
    return Row(**{**given, **changes})


# -- statistics -----------------------------------------------------------------------------------


def test_a_sample_knows_its_middle_its_extremes_and_its_spread() -> None:
    sample = Sample([4, 1, 2, 3, 100])
    assert (sample.median, sample.low, sample.high) == (3, 1, 100)
    assert sample.spread == pytest.approx((4 - 2) / 3)  # quartiles, so 100 does not count
    assert Sample([7]).spread == 0
    assert Sample([0, 0, 0]).spread == 0
    with pytest.raises(ValueError, match="at least one"):
        Sample([])


def test_a_ratio_is_taken_round_by_round() -> None:
    # The machine was four times slower in the last round, for both.
    ratio = Sample([20, 20, 80]).over(Sample([10, 10, 40]))
    assert list(ratio.values) == [2, 2, 2]
    with pytest.raises(ValueError, match="zip"):
        Sample([1, 2]).over(Sample([1]))


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target(3.0, "at_most"), True),
        (Target(2.9, "at_most"), False),
        (Target(3.0, "at_least"), True),
        (Target(3.1, "at_least"), False),
        (Target(20.0, "at_most", "median"), True),
        (Target(19.0, "at_most", "median"), False),
        (Target(30.0, "at_most", "high"), True),
        (Target(29.0, "at_most", "high"), False),
        (Target(20.0, "exactly", "median"), False),  # the median is, but not every round
        (None, None),
    ],
)
def test_a_target_is_met_or_not(target: Target | None, met: bool | None) -> None:
    assert row(target=target).met is met  # the ratios are 3, 1 and 4


def test_exactly_means_every_round() -> None:
    assert row(ours=Sample([1, 1]), peer=None, target=Target(1, "exactly", "median")).met is True
    assert row(ours=Sample([1, 2]), peer=None, target=Target(1, "exactly", "median")).met is False


def test_a_target_for_a_ratio_needs_a_peer() -> None:
    with pytest.raises(ValueError, match="no peer"):
        _ = row(peer=None, target=Target(1.0, "at_most")).met


def test_both_sides_take_turns_and_the_first_round_does_not_count() -> None:
    order: list[str] = []

    def side(name: str) -> Callable[[], float]:
        def once() -> float:
            order.append(name)
            return float(len(order))

        return once

    both = paired(side("ours"), side("peer"), 3)
    assert order == ["ours", "peer", "peer", "ours", "ours", "peer", "peer", "ours"]
    assert both.ours == [4, 5, 8]
    assert both.peer == [3, 6, 7]
    assert both.samples(lambda value: value * 10)[0].values == (40, 50, 80)


async def test_coroutines_take_turns_as_well() -> None:
    order: list[str] = []

    def side(name: str) -> Callable[[], Awaitable[float]]:
        async def once() -> float:
            order.append(name)
            return float(len(order))

        return once

    both = await paired_async(side("ours"), side("peer"), 2)
    assert order == ["ours", "peer", "peer", "ours", "ours", "peer"]
    assert (both.ours, both.peer) == ([4, 5], [3, 6])


def test_a_quick_run_measures_next_to_nothing() -> None:
    assert (Effort().rounds(50), Effort().size(10_000)) == (50, 10_000)
    assert (Effort(quick=True).rounds(50), Effort(quick=True).size(10_000)) == (3, 100)
    assert Effort(quick=True).size(10) == 1


# -- what is written ------------------------------------------------------------------------------

RESULTS = [
    Result("first", "about it", 1.5, [row(target=Target(2.0, "at_most"), note="remember")]),
    Result("second", "about that", 0.1, [row(name="alone", peer=None, peer_name="")]),
    Result("third", "broken", 0.2, error="ValueError: no"),
]


def test_the_json_holds_every_figure_and_can_be_read_back() -> None:
    document = json.loads(json.dumps(as_json(RESULTS, quick=False)))
    assert set(document) == {"schema", "date", "quick", "machine", "libraries", "benchmarks"}
    assert document["schema"] == SCHEMA
    assert document["quick"] is False
    assert set(document["machine"]) == {"python", "platform", "architecture", "cpus", "load"}
    assert "websockets" in document["libraries"]
    first, second, third = document["benchmarks"]
    assert set(first) == {"name", "about", "seconds", "error", "rows"}
    [line] = first["rows"]
    assert line == {
        "name": "something",
        "unit": "ns",
        "ours": {"median": 20, "spread": 0.5, "low": 10, "high": 30, "values": [30, 10, 20]},
        "peer": {"median": 10, "spread": 0.25, "low": 5, "high": 10, "values": [10, 10, 5]},
        "peer_name": "something else",
        "ratio": {"median": 3, "spread": 0.5, "low": 1, "high": 4, "values": [3, 1, 4]},
        "target": {"of": "ratio", "direction": "at_most", "limit": 2.0},
        "met": False,
        "note": "remember",
    }
    [alone] = second["rows"]
    assert alone["peer"] is alone["ratio"] is alone["target"] is alone["met"] is None
    assert (third["error"], third["rows"]) == ("ValueError: no", [])


def test_the_table_has_a_line_for_each_row_and_says_what_broke() -> None:
    heading, _, first, second, *rest = as_table(RESULTS).splitlines()
    assert heading.split() == ["measured", "ours", "peer", "ratio", "spread", "target", "met"]
    assert first.split() == ["something", "20", "ns", "10", "ns", "3x", "50%", "<=", "2x", "NO"]
    assert second.split() == ["alone", "20", "ns", "50%", "noted"]
    assert "something: peer: something else; remember" in rest
    assert "third BROKE: ValueError: no" in rest


# -- the command ----------------------------------------------------------------------------------


def test_each_benchmark_has_a_name_of_its_own_and_one_is_cheap() -> None:
    names = [benchmark.name for benchmark in BENCHMARKS]
    assert len(set(names)) == len(names)
    assert [benchmark.name for benchmark in BENCHMARKS if benchmark.cheap] == ["cached_ticket"]


def test_a_quick_run_makes_one_cheap_benchmark(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    done = run_python("-m", "tests.benchmarks", "--quick", "--json", str(file))
    assert "get_valid_ticket, valid ticket" in done.stdout
    text = file.read_text("utf-8")
    document = json.loads(text)
    assert document["quick"] is True
    [benchmark] = document["benchmarks"]
    assert (benchmark["name"], benchmark["error"]) == ("cached_ticket", None)
    assert [len(line["ours"]["values"]) for line in benchmark["rows"]] == [3]
    assert str(ROOT) not in text + done.stdout


def chosen(monkeypatch: pytest.MonkeyPatch, *benchmarks: Benchmark) -> None:
    monkeypatch.setattr(command, "BENCHMARKS", benchmarks)


async def slow(_: Effort) -> list[Row]:
    return [row(target=Target(0.1, "at_most"))]


async def broken(_: Effort) -> list[Row]:
    raise OSError(f"cannot open {Path.cwd()}/file")


def test_a_missed_target_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen(monkeypatch, Benchmark("slow", "too slow", slow))
    assert command.main([]) == 0
    assert " NO\n" in capsys.readouterr().out


def test_a_broken_benchmark_is_one_and_the_others_are_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    chosen(monkeypatch, Benchmark("broken", "breaks", broken), Benchmark("slow", "slow", slow))
    file = tmp_path / "figures.json"
    assert command.main(["--json", str(file)]) == 1
    output = capsys.readouterr().out
    assert "broken BROKE: OSError: cannot open ./file" in output
    assert "something" in output
    errors = [benchmark["error"] for benchmark in json.loads(file.read_text())["benchmarks"]]
    assert errors == ["OSError: cannot open ./file", None]


def test_a_benchmark_that_never_ends_is_a_broken_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async def endless(_: Effort) -> list[Row]:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(command, "LONGEST", 0.01)
    result = command.run(Benchmark("endless", "never ends", endless), Effort())
    assert result.error is not None
    assert result.error.startswith("TimeoutError")


def test_only_takes_names_and_refuses_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen(monkeypatch, Benchmark("slow", "slow", slow), Benchmark("broken", "breaks", broken))
    assert command.main(["--only", "slow"]) == 0
    assert command.main(["--only", "slow", "--quick"]) == 0  # though it is not a cheap one
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        command.main(["--only", "nothing"])
    assert ended.value.code == 2
    assert "invalid choice" in capsys.readouterr().err


def test_the_names_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert listed == [benchmark.name for benchmark in BENCHMARKS]


# -- what is sent ---------------------------------------------------------------------------------


def test_the_sender_frames_like_a_server() -> None:
    payloads = [*deltas(30), *ENDING, b"x" * 300]
    framed_bytes, read = framed(payloads), []
    while framed_bytes:
        assert framed_bytes[0] == 0x81  # one whole text message, RFC 6455 section 5.2
        length, start = framed_bytes[1], 2
        assert length < 127, "not masked, and not longer than sixteen bits say"
        if length == 126:
            length, start = int.from_bytes(framed_bytes[2:4]), 4
        read.append(framed_bytes[start : start + length])
        framed_bytes = framed_bytes[start + length :]
    assert read == payloads

"""What was fetched is remembered, and so is who did not answer: here, and in the processes that this one starts."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from aia_ccdproc import PointingError, PrepError, TableError
from aia_ccdproc.tables import cache as fetched_tables
from aia_ccdproc.tables.cache import FetchedOnce
from aia_ccdproc.tables.network import NoAnswerError


@pytest.fixture
def asked() -> list[object]:
    return []


@pytest.fixture
def squares(monkeypatch: pytest.MonkeyPatch) -> FetchedOnce[int, int]:
    monkeypatch.setattr(FetchedOnce, "_all", {})
    monkeypatch.setattr(FetchedOnce, "_told", {})
    return FetchedOnce("squares")


def get(squares: FetchedOnce[int, int], numbers: list[int], asked: list[object], timeout: float = 1) -> list[int]:
    def fetch(missing: list[int]) -> Iterator[tuple[int, int | PrepError]]:
        """Of -1 there is no square, at -2 the query is refused, at -3 nobody answers."""
        asked.append(missing)
        for number in missing:
            if number == -3:
                raise PointingError("in other words") from NoAnswerError("nobody there")
            if number == -2:
                raise PointingError("refused")
            yield number, TableError(f"no square of {number}") if number == -1 else number**2

    return squares.get_all(numbers, fetch, whom="a server", timeout=timeout)


def elsewhere(squares: FetchedOnce[int, int]) -> FetchedOnce[int, int]:
    """What a process that is started now makes of it."""
    known = pickle.loads(pickle.dumps(FetchedOnce.known()))
    FetchedOnce._all.clear()
    FetchedOnce.learn(known)
    return FetchedOnce("squares")


def test_what_is_here_is_not_fetched_and_the_rest_is_at_once(squares, asked):
    assert get(squares, [2, 3, 2], asked) == [4, 9, 4]
    assert get(squares, [4, 3, 5], asked) == [16, 9, 25]
    assert asked == [[2, 3], [4, 5]]


def test_what_failed_is_not_asked_for_again_and_the_rest_is_kept(squares, asked):
    for said in (r"no square of -1$", r"no square of -1 \(that was 0 s ago; it is asked again after 300 s"):
        with pytest.raises(TableError, match=said):
            get(squares, [2, -1, 3], asked)
    with pytest.raises(TableError, match=r"no square of -1 \(that was"):
        get(squares, [4, -1], asked)
    assert get(squares, [2, 3, 4], asked) == [4, 9, 16]
    with pytest.raises(TableError, match=r"no square of -1$"):
        get(squares, [-1], asked, timeout=2)  # with more patience
    assert asked == [[2, -1, 3], [4], [-1]]


def test_a_query_that_is_refused_is_the_failure_of_what_it_asked_for(squares, asked):
    with pytest.raises(PointingError, match=r"refused$"):
        get(squares, [2, -2, 3], asked)
    with pytest.raises(PointingError, match=r"refused \(that was 0 s ago"):
        get(squares, [3], asked)
    assert get(squares, [2, 4], asked) == [4, 16]
    assert asked == [[2, -2, 3], [4]]


def test_who_did_not_answer_is_not_asked_for_anything_until_they_do(squares, asked):
    with pytest.raises(PointingError, match=r"in other words$"):
        get(squares, [2, -3], asked)
    with pytest.raises(PointingError, match=r"in other words \(that was 0 s ago"):
        get(squares, [3], asked)
    assert get(squares, [2], asked) == [4]
    assert get(squares, [3], asked, timeout=2) == [9]
    assert get(squares, [4], asked) == [16]
    assert asked == [[2, -3], [3], [4]]


def test_what_is_here_is_given_while_something_else_is_fetched(squares, asked):
    get(squares, [2], asked)
    begun, end = threading.Event(), threading.Event()

    def slow(missing: list[int]) -> Iterator[tuple[int, int]]:
        begun.set()
        assert end.wait(10)
        yield missing[0], 0

    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(squares.get_all, [5], slow, whom="another", timeout=10)
        assert begun.wait(10)
        assert get(squares, [2], asked) == [4]
        end.set()
        assert coming.result() == [0]


def test_it_is_fetched_again_when_it_is_old(squares, asked, monkeypatch):
    get(squares, [2], asked)
    now = fetched_tables.clock.monotonic()
    monkeypatch.setattr(fetched_tables.clock, "monotonic", lambda: now + 3601)
    get(squares, [2], asked)
    assert asked == [[2], [2]]


def test_another_process_knows_it_too_whenever_it_comes_to_need_it(squares, asked):
    get(squares, [2, 3], asked)
    for number in (-1, -3):
        with pytest.raises(PrepError):
            get(squares, [number], asked)
    told = elsewhere(squares)
    assert get(told, [2, 3], asked) == [4, 9]
    with pytest.raises(TableError, match=r"no square of -1 \(that was 0 s ago"):
        get(told, [2, -1], asked)
    with pytest.raises(PointingError, match=r"in other words \(that was 0 s ago"):
        get(told, [5], asked)
    assert asked == [[2, 3], [-1], [-3]]


def test_ages_are_kept_from_process_to_process(squares, asked, monkeypatch):
    get(squares, [2], asked)
    now = fetched_tables.clock.monotonic()
    monkeypatch.setattr(fetched_tables.clock, "monotonic", lambda: now + 2000)
    told = elsewhere(squares)
    monkeypatch.setattr(fetched_tables.clock, "monotonic", lambda: now + 3601)
    get(told, [2], asked)
    assert asked == [[2], [2]]


def test_what_cannot_be_unpacked_is_fetched_anew(asked, monkeypatch):
    def unpack(number: int, packed: None) -> int:
        if number == 3:
            raise LookupError(number)
        return number**2

    monkeypatch.setattr(FetchedOnce, "_all", {})
    squares: FetchedOnce[int, int] = FetchedOnce("squares", pack=lambda number, square: None, unpack=unpack)
    get(squares, [2, 3], asked)
    FetchedOnce.learn(known := FetchedOnce.known())
    assert known["squares"].answers[0][1].value is None
    squares.forget()
    FetchedOnce.learn(known)
    assert get(squares, [2, 3], asked) == [4, 9]
    assert asked == [[2, 3], [3]]


def test_threads_that_miss_one_thing_fetch_it_once(squares, asked):
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: get(squares, [7], asked), range(32))) == [[49]] * 32
    assert asked == [[7]]


def test_a_name_may_stand_for_whom_is_asked(squares):
    def fail() -> int:
        raise TableError("not there")

    for said in ("not there$", "that was 0 s ago"):
        with pytest.raises(TableError, match=said):
            squares.get(1, fail, timeout=1)
    assert squares.get(2, lambda: 4, timeout=1) == 4

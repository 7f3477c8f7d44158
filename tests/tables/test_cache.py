"""The cache of fetched values: what it keeps, which failures it remembers, and how it gets to worker processes."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from aia_ccdproc import PointingError, PrepError, TableError
from aia_ccdproc.tables import cache as cache_module
from aia_ccdproc.tables.cache import FetchCache
from aia_ccdproc.tables.network import NoAnswerError, QueryError


@pytest.fixture
def fetched() -> list[list[int]]:
    """The numbers of each call of the function that fetches."""
    return []


@pytest.fixture
def squares(monkeypatch: pytest.MonkeyPatch) -> FetchCache[int, int]:
    monkeypatch.setattr(FetchCache, "_caches", {})
    monkeypatch.setattr(FetchCache, "_pending", {})
    return FetchCache("squares")


def get(cache: FetchCache[int, int], numbers: list[int], fetched: list[list[int]], timeout: float = 1) -> list[int]:
    def fetch(missing: list[int]) -> Iterator[tuple[int, int | PrepError]]:
        """Fail for -1 alone, refuse the query at -2, and do not answer at -3."""
        fetched.append(missing)
        for number in missing:
            if number == -3:
                raise PointingError("cannot get -3") from NoAnswerError("-3", "timeout")
            if number == -2:
                raise PointingError("refused")
            yield number, TableError(f"no square of {number}") if number == -1 else number**2

    return cache.get_all(numbers, fetch, server="a server", timeout=timeout)


def restored_in_new_process() -> FetchCache[int, int]:
    """Return the cache as a new process restores it from a snapshot."""
    snapshots = pickle.loads(pickle.dumps(FetchCache.snapshot_all()))
    FetchCache._caches.clear()
    FetchCache.restore_all(snapshots)
    return FetchCache("squares")


def test_cached_values_are_not_fetched_and_the_others_are_fetched_by_one_call(squares, fetched):
    assert get(squares, [2, 3, 2], fetched) == [4, 9, 4]
    assert get(squares, [4, 3, 5], fetched) == [16, 9, 25]
    assert fetched == [[2, 3], [4, 5]]


def test_a_failed_value_is_not_fetched_again_and_the_others_are_kept(squares, fetched):
    for message in (r"no square of -1$", r"no square of -1 \(this failed 0 s ago and is not repeated for 300 s"):
        with pytest.raises(TableError, match=message):
            get(squares, [2, -1, 3], fetched)
    with pytest.raises(TableError, match=r"no square of -1 \(this failed"):
        get(squares, [4, -1], fetched)
    assert get(squares, [2, 3, 4], fetched) == [4, 9, 16]
    with pytest.raises(TableError, match=r"no square of -1$"):
        get(squares, [-1], fetched, timeout=2)  # longer than before
    assert fetched == [[2, -1, 3], [4], [-1]]


def test_a_refused_query_is_a_failure_of_all_its_remaining_keys(squares, fetched):
    with pytest.raises(PointingError, match=r"refused$"):
        get(squares, [2, -2, 3], fetched)
    with pytest.raises(PointingError, match=r"refused \(this failed 0 s ago"):
        get(squares, [3], fetched)
    assert get(squares, [2, 4], fetched) == [4, 16]
    assert fetched == [[2, -2, 3], [4]]


def test_a_server_that_did_not_answer_is_not_queried_for_any_key_until_it_answers(squares, fetched):
    with pytest.raises(PointingError, match=r"cannot get -3$"):
        get(squares, [2, -3], fetched)
    with pytest.raises(PointingError, match=r"cannot get -3 \(this failed 0 s ago"):
        get(squares, [3], fetched)
    assert get(squares, [2], fetched) == [4]
    assert get(squares, [3], fetched, timeout=2) == [9]
    assert get(squares, [4], fetched) == [16]
    assert fetched == [[2, -3], [3], [4]]


def test_a_cached_value_is_returned_while_another_one_is_fetched(squares, fetched):
    get(squares, [2], fetched)
    started, may_end = threading.Event(), threading.Event()

    def slow(missing: list[int]) -> Iterator[tuple[int, int]]:
        started.set()
        assert may_end.wait(10)
        yield missing[0], 0

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(squares.get_all, [5], slow, server="another", timeout=10)
        assert started.wait(10)
        assert get(squares, [2], fetched) == [4]
        may_end.set()
        assert future.result() == [0]


def test_a_value_is_fetched_again_after_an_hour(squares, fetched, monkeypatch):
    get(squares, [2], fetched)
    now = cache_module.clock.monotonic()
    monkeypatch.setattr(cache_module.clock, "monotonic", lambda: now + 3601)
    get(squares, [2], fetched)
    assert fetched == [[2], [2]]


def test_a_new_process_has_the_values_and_failures_of_the_snapshot(squares, fetched):
    get(squares, [2, 3], fetched)
    for number in (-1, -3):
        with pytest.raises(PrepError):
            get(squares, [number], fetched)
    restored = restored_in_new_process()
    assert get(restored, [2, 3], fetched) == [4, 9]
    with pytest.raises(TableError, match=r"no square of -1 \(this failed 0 s ago"):
        get(restored, [2, -1], fetched)
    with pytest.raises(PointingError, match=r"cannot get -3 \(this failed 0 s ago"):
        get(restored, [5], fetched)
    assert fetched == [[2, 3], [-1], [-3]]


def test_ages_are_kept_in_a_snapshot(squares, fetched, monkeypatch):
    get(squares, [2], fetched)
    now = cache_module.clock.monotonic()
    monkeypatch.setattr(cache_module.clock, "monotonic", lambda: now + 2000)
    restored = restored_in_new_process()
    monkeypatch.setattr(cache_module.clock, "monotonic", lambda: now + 3601)
    get(restored, [2], fetched)
    assert fetched == [[2], [2]]


def test_a_value_that_cannot_be_unpacked_is_fetched_again(fetched, monkeypatch):
    def unpack(number: int, packed: None) -> int:
        if number == 3:
            raise LookupError(number)
        return number**2

    monkeypatch.setattr(FetchCache, "_caches", {})
    squares: FetchCache[int, int] = FetchCache("squares", pack=lambda number, square: None, unpack=unpack)
    get(squares, [2, 3], fetched)
    FetchCache.restore_all(snapshots := FetchCache.snapshot_all())
    assert [packed for _, _, packed in snapshots["squares"].values] == [None, None]
    FetchCache.clear_all()
    FetchCache.restore_all(snapshots)
    assert get(squares, [2, 3], fetched) == [4, 9]
    assert fetched == [[2, 3], [3]]


def test_threads_that_miss_the_same_key_fetch_it_once(squares, fetched):
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: get(squares, [7], fetched), range(32))) == [[49]] * 32
    assert fetched == [[7]]


@pytest.mark.parametrize("error_type", [QueryError, NoAnswerError])
def test_a_query_error_keeps_its_class_and_its_advice_when_it_is_repeated_and_reworded(squares, error_type):
    def fail(missing: list[int]) -> Iterator[tuple[int, int]]:
        raise error_type("[1-3] from a server", "it is down", "give a number")

    for reason in ("it is down", r"it is down \(this failed 0 s ago .*\)"):
        message = rf"^cannot get \[1-3\] from a server: {reason}\. Try again later, or give a number$"
        with pytest.raises(error_type, match=message) as caught:
            squares.get_all([2], fail, server="a server", timeout=1)
    reworded = caught.value.reworded("2", "guess")
    assert type(reworded) is error_type
    assert str(reworded).startswith("cannot get 2: it is down (this failed 0 s ago")
    assert str(reworded).endswith("). Try again later, or guess")
    assert str(pickle.loads(pickle.dumps(reworded))) == str(reworded)


def test_a_failure_of_a_single_key_does_not_affect_other_keys(squares):
    def fail() -> int:
        raise TableError("not found")

    for message in ("not found$", "this failed 0 s ago"):
        with pytest.raises(TableError, match=message):
            squares.get(1, fail, timeout=1)
    assert squares.get(2, lambda: 4, timeout=1) == 4

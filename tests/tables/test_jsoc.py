"""Queries of a local JSOC through the real drms client and HTTP: answers, and all kinds of failures."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import drms
import pytest
from astropy.time import Time
from processes import restore_signals

from aia_ccdproc.pointing.jsoc import fetch_records
from aia_ccdproc.tables.jsoc import connect, server_name
from aia_ccdproc.tables.network import NoAnswerError, QueryError

INTERVAL = (Time("2020-01-01T00:00:00"), Time("2020-01-01T02:00:00"))


def test_fetched_records_are_numbers_and_have_their_record_number(jsoc):
    records = fetch_records(*INTERVAL, server=jsoc.url)
    assert list(records["MPO_RECNUM"]) == ["34506", "34507"]
    assert records["A_094_X0"][0] == 2069.808594
    assert records["T_START"][0] == "2020-01-01T00:00:00Z"


def test_one_query_fetches_all_channels_and_no_other_is_sent(jsoc):
    fetch_records(*INTERVAL, server=jsoc.url)
    assert len(jsoc.queries) == 1
    assert jsoc.queried_datasets == ["aia.master_pointing3h[2019-12-29T00:00:00Z-2020-01-04T02:00:00Z]"]


def test_a_drms_client_is_used_as_it_is(jsoc):
    client = connect(jsoc.url)
    assert isinstance(client, drms.Client)
    assert connect(client) is client
    assert len(fetch_records(*INTERVAL, server=client)) == 2
    assert server_name(client) == server_name(jsoc.url)
    assert server_name(drms.Client()) == server_name(None) == "JSOC"


TRANSIENT = {
    "slow": "did not answer in time",
    "trickle": "did not answer in time",
    "cut off": "closed before the end of the answer|not JSON",
    "maintenance page": "not JSON, perhaps because of maintenance .*<!DOCTYPE html>",
    "empty": "the answer is empty",
    "500": r"HTTP 500 \(Internal Server Error\)",
    "503": r"HTTP 503 \(Service Unavailable\)",
}
PERMANENT = {
    "status 1": "refused the query: .*Cannot open series",
    "a list": "wrong format",
    "no columns": "wrong format",
    "ragged": "wrong format",
    "404": r"HTTP 404 \(Not Found\)",
    "redirect loop": "redirects without end",
}


@pytest.mark.slow  # it waits between the attempts
@pytest.mark.parametrize("mode", TRANSIENT)
def test_a_transient_failure_is_retried_until_the_timeout(jsoc, mode, caplog):
    jsoc.fail(mode)
    started = time.monotonic()
    with pytest.raises(
        NoAnswerError, match=rf"cannot get aia\.master_pointing3h\[.*{TRANSIENT[mode]}.*\(timeout 1\.5 s\)"
    ):
        fetch_records(*INTERVAL, server=jsoc.url, timeout=1.5)
    assert time.monotonic() - started < 2.5


@pytest.mark.parametrize("mode", PERMANENT)
def test_a_permanent_failure_is_an_error_at_once(jsoc, mode):
    jsoc.fail(mode)
    started = time.monotonic()
    with pytest.raises(QueryError, match=rf"cannot get.*{PERMANENT[mode]}"):
        fetch_records(*INTERVAL, server=jsoc.url, timeout=30)
    assert time.monotonic() - started < 5
    assert len(jsoc.queried_datasets) < 15


@pytest.mark.slow  # it waits between the attempts
@pytest.mark.parametrize("mode", ["maintenance page", "500", "cut off"])
def test_a_query_succeeds_after_transient_failures_and_the_pauses_are_logged(jsoc, mode, caplog):
    jsoc.fail(mode, times=2)
    assert len(fetch_records(*INTERVAL, server=jsoc.url, timeout=20)) == 2
    pauses = [record.getMessage() for record in caplog.records]
    assert [text.partition("next attempt in ")[2][:3] for text in pauses] == ["1 s", "2 s"]


def test_a_redirect_is_followed(jsoc):
    jsoc.fail("redirect")
    assert len(fetch_records(*INTERVAL, server=jsoc.url)) == 2


def test_a_server_that_does_not_exist_is_an_error(jsoc):
    with pytest.raises(
        NoAnswerError, match=r"could not be reached \(Connection refused\).*\d+ attempts in .* \(timeout 0\.5 s\)"
    ):
        fetch_records(*INTERVAL, server="http://127.0.0.1:9/", timeout=0.5)


def test_an_answer_without_records_is_an_empty_table(jsoc):
    jsoc.fail("zero records")
    assert len(fetch_records(*INTERVAL, server=jsoc.url)) == 0


def test_missing_values_are_masked(jsoc):
    jsoc.fail("missing channel")
    records = fetch_records(*INTERVAL, server=jsoc.url)
    assert records["A_094_X0"].mask.all()
    assert not getattr(records["A_171_X0"], "mask", [False])[0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_query_at_once_with_one_line(jsoc, number):
    jsoc.fail("slow")
    code = (
        "from aia_ccdproc.__main__ import main; import sys;"
        f"sys.exit(main(['pointing', '2020-01-01', '2020-01-02', '--cache', 'fill', '--server', '{jsoc.url}']))"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=os.environ, preexec_fn=restore_signals) as process:
        while not jsoc.queries:
            time.sleep(0.02)
        started = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=10) == 128 + number
        assert time.monotonic() - started < 5  # the timeout is a minute
        assert process.stderr.read().strip() == b"interrupted"

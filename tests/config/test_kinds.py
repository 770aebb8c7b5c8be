"""Durations, sizes and addresses as they are written."""

import re
from pathlib import PurePosixPath

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from heloise.config.kinds import read_duration, read_endpoint, read_size, write_duration, write_size
from heloise.world.network import Endpoint, UnixEndpoint


@given(st.integers(min_value=0, max_value=10**9))
def test_a_duration_is_read_as_it_was_written(seconds: int) -> None:
    assert float(read_duration(write_duration(seconds))) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1h30m", 5400), ("0.5s", 0.5), ("1w", 604_800)]
)
def test_a_duration_has_units(text: str, seconds: float) -> None:
    assert read_duration(text) == seconds


@given(st.text())
def test_anything_else_is_refused_with_advice(text: str) -> None:
    assume(re.fullmatch(r"[\d.smhdw]+", text) is None)
    with pytest.raises(ValueError, match="write it like"):
        read_duration(text)


@pytest.mark.parametrize(("text", "octets"), [("512 B", 512), ("1 KB", 1000), ("1KiB", 1024), ("1.5 MiB", 1572864)])
def test_a_size_has_units(text: str, octets: int) -> None:
    assert read_size(text) == octets


@given(st.integers(min_value=0, max_value=1023), st.sampled_from(["B", "KiB", "MiB", "GiB", "TiB"]))
def test_a_size_is_shown_in_its_unit(number: int, unit: str) -> None:
    octets = read_size(f"{number} {unit}")
    assert read_size(write_size(octets)) == octets


@given(st.ip_addresses(), st.integers(min_value=0, max_value=65535))
def test_an_endpoint_is_read_as_it_was_written(host: object, port: int) -> None:
    endpoint = Endpoint(str(host), port)
    assert read_endpoint(str(endpoint), PurePosixPath("/")) == endpoint


def test_a_unix_endpoint_begins_at_the_directory() -> None:
    assert read_endpoint("unix:a/b", PurePosixPath("/etc")) == UnixEndpoint("/etc/a/b")
    assert read_endpoint("unix:/a/b", PurePosixPath("/etc")) == UnixEndpoint("/a/b")

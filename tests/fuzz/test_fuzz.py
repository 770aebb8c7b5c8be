"""What fuzzing has found stays mended, and a little chance in every run."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import NAMES, Target, load

CORPUS = Path(__file__).parent / "corpus"
TARGETS = {name: load(name) for name in NAMES}


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Settings, and then words of the language with noise between them."""
    front = st.binary(min_size=target.settings, max_size=target.settings)
    words = st.one_of(st.sampled_from(target.tokens), st.sampled_from(target.tokens), st.binary(max_size=6))
    return st.builds(bytes.__add__, front, st.lists(words, max_size=20).map(b"".join))


@pytest.mark.parametrize("name", NAMES)
def test_every_input_that_is_kept_passes(name: str) -> None:
    for path in sorted((CORPUS / name).glob("*")):
        TARGETS[name].run(path.read_bytes())


@pytest.mark.parametrize("name", NAMES)
def test_no_input_by_chance_breaks_it(name: str) -> None:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(inputs(TARGETS[name]))
    def run(octets: bytes) -> None:
        TARGETS[name].run(octets)

    run()

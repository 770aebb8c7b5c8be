"""What the configuration allows to a destination."""

import pytest

from heloise.app.configured.delivering import bounds_of
from heloise.config import parse_configuration
from heloise.delivery.allowance import Bounds
from heloise.delivery.rate import Rate

TEXT = """
hostname = "mail.example.test"
state = "state"
[[listener]]
address = "192.0.2.1:25"
[delivery]
per_destination = 10
rate = "1000/1h"
[[destination]]
hosts = [".google.com", "MX.big.test"]
concurrency = 3
[[destination]]
hosts = ["192.0.2.9"]
rate = "5/1s"
"""


@pytest.mark.parametrize(
    ("names", "bounds"),
    [
        (["other.test:25"], Bounds(concurrency=10, rate=Rate(1000, 3600))),
        (["alt1.aspmx.l.google.com:25", "other.test:25"], Bounds(concurrency=3, rate=Rate(1000, 3600))),
        (["mx.big.test:2525"], Bounds(concurrency=3, rate=Rate(1000, 3600))),
        (["notgoogle.com:25"], Bounds(concurrency=10, rate=Rate(1000, 3600))),
        (["192.0.2.9:25"], Bounds(concurrency=10, rate=Rate(5, 1))),
        (["[2001:db8::1]:25"], Bounds(concurrency=10, rate=Rate(1000, 3600))),
        (["unix:/run/lmtp"], Bounds(concurrency=10, rate=Rate(1000, 3600))),
    ],
)
def test_the_first_destination_that_names_a_host_counts(names: list[str], bounds: Bounds) -> None:
    assert bounds_of(parse_configuration(TEXT, directory="/d"), names) == bounds

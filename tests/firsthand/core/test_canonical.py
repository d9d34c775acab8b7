"""Canonical bytes: those of RFC 8785, so that a statement's digest can be recomputed by anyone."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.core import canonical


def test_the_example_of_the_rfc_is_encoded_as_the_rfc_says() -> None:
    """RFC 8785, section 3.2.2 and 3.2.3."""
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    assert canonical.encode(value).decode() == (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )


@pytest.mark.slow
@given(st.dictionaries(st.text(max_size=5), st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=5), max_size=6))
def test_the_order_in_which_fields_were_written_does_not_matter(value: dict[str, int | str]) -> None:
    assert canonical.encode(value) == canonical.encode(dict(reversed(value.items())))


def test_times_are_in_utc_and_to_the_second() -> None:
    moment = datetime(2024, 7, 24, 1, 30, 15, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert canonical.timestamp(moment) == "2024-07-23T23:30:15Z"


def test_a_date_is_its_first_second() -> None:
    assert canonical.timestamp(date(2022, 11, 30)) == "2022-11-30T00:00:00Z"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        canonical.timestamp(datetime(2024, 7, 24, tzinfo=UTC).replace(tzinfo=None))

"""Whatever strangers' bytes are, they are taken or refused in one line: no other error, and not without end."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from bench.errors import BenchError
from tests.support.readers import READERS

TELLING = st.sampled_from(
    [b"\0", b"\xff" * 8, b"\x80", b"[", b"{", b"<", b"&", b'"', b"-1", b"1e999", b"NaN", b"9" * 30]
)
EDITS = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 12), st.one_of(st.binary(max_size=12), TELLING)), min_size=1, max_size=4
)


@pytest.mark.parametrize("name", READERS)
# Fewer in the profile `quick`.
@settings(max_examples=settings().max_examples // 4, suppress_health_check=[HealthCheck.too_slow])
@given(edits=EDITS)
def test_it_is_taken_or_refused(name: str, edits: list[tuple[float, int, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file, read = READERS[name](Path(folder))
        data = file.read_bytes()
        for place, length, put in edits:
            at = int(place * len(data))
            data = data[:at] + put + data[at + length :]
        file.write_bytes(data)
        with suppress(BenchError):
            read()

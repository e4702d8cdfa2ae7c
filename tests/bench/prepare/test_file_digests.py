from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bench.prepare import file_digests
from bench.prepare.file_digests import digests_of


def test_a_file_has_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert digests_of([tmp_path / "a"], tmp_path / "cache") == {"a": hashlib.sha256(b"abc").hexdigest()}


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    first = digests_of([tmp_path / "a"], tmp_path / "cache")
    monkeypatch.setattr(file_digests, "file_sha256", lambda file: pytest.fail("read again"))
    assert digests_of([tmp_path / "a"], tmp_path / "cache") == first


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    first = digests_of([tmp_path / "a"], tmp_path / "cache")
    (tmp_path / "a").write_bytes(b"abcd")
    assert digests_of([tmp_path / "a"], tmp_path / "cache") != first

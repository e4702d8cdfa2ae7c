"""The certificates that machines of a fleet show each other."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
from cryptography import x509

from bench.commands import fleet
from bench.errors import UsageError
from bench.fleet.certificates import CA, CERTIFICATE, KEY, make_certificates


def test_each_machine_gets_a_folder_that_the_authority_has_signed(tmp_path: Path) -> None:
    made = make_certificates(tmp_path, ["desk", "nuc-3"])
    assert [folder.name for folder in made] == ["authority", "desk", "nuc-3"]
    for name in ("desk", "nuc-3"):
        one = x509.load_pem_x509_certificate((tmp_path / name / CERTIFICATE).read_bytes())
        ca = x509.load_pem_x509_certificate((tmp_path / name / CA).read_bytes())
        one.verify_directly_issued_by(ca)
        assert one.subject.rfc4514_string() == f"CN={name}"


def test_a_further_machine_is_signed_by_the_same_authority(tmp_path: Path) -> None:
    make_certificates(tmp_path, ["desk"])
    assert [folder.name for folder in make_certificates(tmp_path, ["nuc-3"])] == ["nuc-3"]
    assert (tmp_path / "desk" / CA).read_bytes() == (tmp_path / "nuc-3" / CA).read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has lists of who may read a file, and no modes")
def test_nobody_else_can_read_a_key(tmp_path: Path) -> None:
    make_certificates(tmp_path, ["desk"])
    for folder in ("authority", "desk"):
        assert stat.S_IMODE((tmp_path / folder / KEY).stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / folder).stat().st_mode) == 0o700


def test_nothing_is_overwritten_and_nothing_made_beside_it(tmp_path: Path) -> None:
    make_certificates(tmp_path, ["desk"])
    key = (tmp_path / "desk" / KEY).read_bytes()
    with pytest.raises(UsageError, match="is there already, and is not overwritten"):
        make_certificates(tmp_path, ["nuc-3", "desk"])
    assert (tmp_path / "desk" / KEY).read_bytes() == key
    assert not (tmp_path / "nuc-3").exists()


@pytest.mark.parametrize("name", ["", "../desk", "a b", "authority", "-x", "nuc/3"])
def test_a_name_that_cannot_be_a_folder_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot name a machine"):
        make_certificates(tmp_path, [name])
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_where_each_folder_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fleet.main(["certs", "nuc-3", "--into", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert f"{tmp_path / 'nuc-3'}: copy it to nuc-3" in shown
    assert "who holds one of these folders can run programs on every machine" in shown
    assert fleet.main(["certs", "nuc-3", "--into", str(tmp_path)]) == 4

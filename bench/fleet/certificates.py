"""The certificates of a lab: an authority of its own, and one certificate for each machine and the desk.

::

    FOLDER/authority/ca.pem, key.pem            signs the others; stays where it was made
    FOLDER/<name>/ca.pem, certificate.pem, key.pem    goes to the machine of that name
"""

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bench.errors import MachineError, UsageError, cause

AUTHORITY, CA, CERTIFICATE, KEY = "authority", "ca.pem", "certificate.pem", "key.pem"
NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]{0,62}")
"""Names of machines: each is a part of a path, of a resource and of a certificate."""
DAYS = 825
_SKEW = timedelta(days=1)
"""Clocks of machines that have just been set up may be wrong by so much."""


def make_certificates(folder: Path, names: Sequence[str]) -> list[Path]:
    """A folder for each of ``names``, and the authority where there is none yet; returns the folders that were made.

    Raises:
        UsageError: a name cannot be one, or has a certificate already; nothing is made.
        MachineError: the files cannot be read or written.
    """
    for name in names:
        if not NAME.fullmatch(name) or name == AUTHORITY:
            raise UsageError(f"{name!r} cannot name a machine: take letters, digits, full stops and dashes")
        if (folder / name).exists():
            raise UsageError(
                f"{folder / name} is there already, and is not overwritten: remove it, or take another name"
            )
    try:
        made = [] if (folder / AUTHORITY).exists() else [_new_authority(folder / AUTHORITY)]
        ca = x509.load_pem_x509_certificate((folder / AUTHORITY / CA).read_bytes())
        key = serialization.load_pem_private_key((folder / AUTHORITY / KEY).read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise MachineError(f"{folder / AUTHORITY} was not made by this command: name another folder with --into")
        return [*made, *(_new_certificate(folder / name, name, ca, key) for name in dict.fromkeys(names))]
    except (OSError, ValueError) as error:
        raise MachineError(f"cannot make certificates in {folder}: {cause(error)}") from error


def _new_authority(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("AIPC Bench fleet")
    certificate = (
        _builder(name, name, key, days=10 * 365)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(folder, {CA: _pem(certificate), KEY: _pem_of_key(key)})
    return folder


def _new_certificate(
    folder: Path, name: str, authority: x509.Certificate, authority_key: ec.EllipticCurvePrivateKey
) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    # Each side of the engine calls the other, so every machine is a server and a client.
    both = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    certificate = (
        _builder(_name(name), authority.subject, key, DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(both, critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA256())
    )
    _write(folder, {CA: _pem(authority), CERTIFICATE: _pem(certificate), KEY: _pem_of_key(key)})
    return folder


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + timedelta(days=days))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    data: bytes = certificate.public_bytes(serialization.Encoding.PEM)
    return data


def _pem_of_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PrivateFormat.PKCS8
    data: bytes = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return data


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """Write files that only the user can read, none over another; ACLs of Windows are those of the folder above."""
    folder.mkdir(parents=True, mode=0o700)
    for name, data in files.items():
        with os.fdopen(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.write(data)

"""The two variants of an A/B run: what the user types after ``--a`` and ``--b``, and what becomes of it."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, parse_sdist_filename, parse_wheel_filename

from backends.file_digest import file_sha256
from bench.cli import quoted
from bench.errors import UsageError
from bench.plan import values as v
from bench.plan.backends import BACKENDS
from bench.plan.environments import environment_for, package_name

FORMS = (
    "packages with exact versions (openvino-genai==2026.4.1.0), a wheel, an interpreter, load options "
    "(openvino-genai.attention_backend=SDPA), 'current' or 'same'"
)
_OPTION = re.compile(r"[\w-]+\.\w+=(?!=)")
"""How load options begin."""
_PYTHON = re.compile(r"python[\d.]*(\.exe)?", re.IGNORECASE)
_ARCHIVES = (".whl", ".tar.gz", ".zip")
_AROUND_OPERATORS = re.compile(r"\s*(===|==|~=|!=|<=|>=|<|>|,|@)\s*")


def requirements_in(text: str, where: str) -> tuple[str, ...]:
    """The requirements of ``text``, each of one exact package: a venv is made once, and must stay what it is called.

    Raises:
        UsageError: one does not parse, or leaves open which package it means.
    """
    if not text:
        raise UsageError(f"{where}: expected {FORMS}, got nothing")
    if text.endswith(_ARCHIVES) and v.is_file(v.path(text, where)):
        return (_archive(text, where),)
    tokens = _AROUND_OPERATORS.sub(r"\1", text).split()
    return tuple(
        _archive(token, where) if token.endswith(_ARCHIVES) and "@" not in token else _requirement(token, where)
        for token in tokens
    )


def _requirement(token: str, where: str) -> str:
    try:
        requirement = Requirement(token)
    except InvalidRequirement as error:
        why = str(error).splitlines()[0]
        raise UsageError(f"{where}: {token!r} is no requirement ({why}); a variant is one of {FORMS}") from error
    if requirement.url is not None:
        requirement.url = _digested(requirement.url, where)
        return str(requirement)
    exact = [one for one in requirement.specifier if one.operator in ("==", "===") and not one.version.endswith("*")]
    if len(exact) != 1 or len(requirement.specifier) != 1:
        raise UsageError(
            f"{where}: {token!r} leaves the version open; write {requirement.name}==VERSION, as "
            f"`pip index versions {requirement.name}` lists them"
        )
    return str(requirement)


def _archive(token: str, where: str) -> str:
    path = v.path(token, where)
    if not v.is_file(path):
        raise UsageError(f"{where}: no package at {path}")
    try:
        name = parse_wheel_filename(path.name)[0] if path.suffix == ".whl" else parse_sdist_filename(path.name)[0]
    except (InvalidWheelFilename, InvalidSdistFilename) as error:
        raise UsageError(f"{where}: {path.name} is not named as a package is: NAME-VERSION-….whl") from error
    return f"{name} @ {_digested(path.as_uri(), where)}"


def _digested(url: str, where: str) -> str:
    """The URL of a local archive with its digest, so that another build under the same name is another venv."""
    parts = urlsplit(url)
    if parts.scheme != "file":
        return url
    # On Windows the host is the server of a shared folder.
    host = "" if parts.netloc == "localhost" else parts.netloc
    path = Path(url2pathname(f"//{host}{parts.path}" if host else parts.path))
    if os.path.isdir(path):  # noqa: PTH112 - as of v.is_file
        raise UsageError(
            f"{where}: {path} is a folder; make a wheel of it, `pip wheel --no-deps -w dist {quoted(str(path))}`"
        )
    if not v.is_file(path):
        raise UsageError(f"{where}: no package at {path}")
    return f"{url.partition('#')[0]}#sha256={file_sha256(path)}"


Kind = Literal["packages", "interpreter", "options"]
CURRENT = "current"
"""What the project pins."""
SAME = "same"
"""What the other variant is."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of two versions of a backend.

    Args:
        requirements: packages in place of the pinned ones.
        python: an interpreter in place of the venv.
        options: load options over those of the run.
    """

    spec: str
    kind: Kind
    backend: str = ""
    requirements: tuple[str, ...] = ()
    python: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def remedy(self, name: str) -> str:
        """What to do where its stack cannot be imported; ``name`` is the variant's own, ``a`` or ``b``."""
        if self.python is not None:
            return f"--{name} names that interpreter: install the stack there, or have `nox -s ab` install packages"
        if self.requirements:
            asked = " ".join(self.requirements)
            return (
                f"{asked} may not go with the other packages: run `nox -s ab` with others in --{name}, or with an "
                "interpreter that has the stack"
            )
        return "run `nox -s ab` to have its environment made"

    def why_not(self, device: str, precision: str) -> str | None:
        """Why this would be no variant of such a load but what runs there anyway; ``None`` if it is one."""
        spec = BACKENDS[self.backend]
        idle = [name for name in self.options if not spec.options[name].applies_to(device, precision)]
        if idle:
            return f"{', '.join(idle)} is no option of {self.backend} on {device} in {precision}"
        pinned = environment_for(spec, device)
        packages = pinned.packages if pinned is not None else ()
        if self.requirements and {package_name(one) for one in self.requirements}.isdisjoint(packages):
            has = ", ".join(packages) if pinned is not None else "nothing of its own"
            return f"'{self.spec}' changes nothing of {self.backend} on {device}, whose environment has {has}"
        return None


@dataclass(frozen=True, slots=True)
class CommandLine:
    """What else of the command line decides which backend the variants are of; ``default`` if it names none."""

    backends: tuple[str, ...] | None
    default: tuple[str, ...]
    devices: tuple[str, ...] | None
    workers: Mapping[str, str]


def read_variants(a: str | None, b: str | None, asked: CommandLine) -> dict[str, Variant]:
    """The variants ``a`` and ``b``; none if neither was given.

    Raises:
        UsageError: one is missing, or cannot be, or they are not of the same backend.
    """
    if a is None and b is None:
        return {}
    if a is None or b is None:
        raise UsageError(
            f"{'--a' if b is None else '--b'} is one of two variants, and {'--b' if b is None else '--a'} names the "
            f"other; '{CURRENT}' is what the project pins"
        )
    typed = {"a": a.strip(), "b": b.strip()}
    meant = {
        "a": typed["b"] if typed["a"] == SAME else typed["a"],
        "b": typed["a"] if typed["b"] == SAME else typed["b"],
    }
    read = {name: replace(_read(meant[name], f"--{name}"), spec=typed[name]) for name in typed}
    backend = _backend(read, meant, asked)
    if backend in asked.workers and any(variant.requirements or variant.python for variant in read.values()):
        raise UsageError(
            f"--worker {backend}: which interpreter {backend} runs in is what --a and --b say; leave --worker out, or "
            "name the interpreter as a variant"
        )
    options = any(variant.options for variant in read.values())
    found = {}
    for name, variant in read.items():
        # A variant that changes nothing is one of what the other changes.
        unchanged = not (variant.requirements or variant.python or variant.options)
        found[name] = replace(variant, backend=backend, kind="options" if options and unchanged else variant.kind)
    return found


def _read(text: str, where: str) -> Variant:
    if text in (CURRENT, SAME):
        return Variant(text, "packages")
    if _OPTION.match(text) is not None:
        by_backend = v.load_options(text, where)
        if len(by_backend) > 1:
            raise UsageError(f"{where}: {' and '.join(by_backend)} are two backends; a variant is of one")
        ((backend, options),) = by_backend.items()
        return Variant(text, "options", backend, options=options)
    is_path = "/" in text or "\\" in text
    # A folder may have an @ in its name, as Homebrew's python@3.12.
    is_package = text.endswith(_ARCHIVES) or ("@" in text and not (is_path and v.is_file(v.path(text, where))))
    if is_package or (not is_path and _PYTHON.fullmatch(text) is None):
        return Variant(text, "packages", requirements=requirements_in(text, where))
    # Links are not followed: a venv's interpreter is one, and following it would leave the venv.
    interpreter = v.path(text, where)
    if not v.is_file(interpreter):
        raise UsageError(f"{where}: no interpreter at {interpreter}; a variant is one of {FORMS}")
    return Variant(text, "interpreter", python=str(interpreter))


def _backend(read: Mapping[str, Variant], meant: Mapping[str, str], asked: CommandLine) -> str:
    """The backend that the variants are of, by what those say that change something."""
    named = {}
    for name, variant in read.items():
        if variant.python is not None:
            named[name] = _the_one(f"--{name}", asked)
        elif variant.requirements:
            named[name] = _pinning(variant.requirements, f"--{name}", asked)
        elif variant.options:
            named[name] = variant.backend
            if asked.backends is not None and variant.backend not in asked.backends:
                raise UsageError(f"--{name}: {variant.backend} is not among --backend {','.join(asked.backends)}")
    if not named:
        return _the_one(f"--a {meant['a']}, --b {meant['b']}", asked)
    if len(set(named.values())) > 1:
        raise UsageError(
            f"--a is a variant of {named['a']} and --b of {named['b']}: they must be of one backend; to compare two, "
            f"measure both with `nox -s bench -- --backend {named['a']},{named['b']}`"
        )
    return next(iter(named.values()))


def _the_one(where: str, asked: CommandLine) -> str:
    if asked.backends is None or len(asked.backends) != 1:
        raise UsageError(f"{where}: nothing here says of which backend that is; name one by --backend")
    return asked.backends[0]


def _pinning(requirements: Iterable[str], where: str, asked: CommandLine) -> str:
    """The backend whose environment pins most of the packages; one that is named like a package before others."""
    names = {package_name(requirement) for requirement in requirements}
    pools = [asked.backends] if asked.backends is not None else [asked.default, tuple(BACKENDS)]
    for pool in pools:
        counts = {backend: len(names.intersection(_packages(backend, asked.devices))) for backend in pool}
        most = max(counts.values())
        best = [backend for backend, count in counts.items() if count == most]
        if most == 0:
            continue
        alike = [backend for backend in best if backend in names]
        if len(alike or best) > 1:
            raise UsageError(f"{where}: {', '.join(best)} could be meant; name one by --backend")
        return (alike or best)[0]
    listed = ", ".join(sorted(map(str, names)))
    packages = dict.fromkeys(name for backend in pools[-1] for name in _packages(backend, asked.devices))
    whose = "no backend's environment" if asked.backends is None else f"no environment of {', '.join(asked.backends)}"
    raise UsageError(f"{where}: {whose} pins {listed}; the packages are {', '.join(packages) or 'none'}")


def _packages(backend: str, devices: tuple[str, ...] | None) -> tuple[str, ...]:
    spec = BACKENDS[backend]
    usual = ("CPU" if "CPU" in spec.devices else next(iter(spec.devices)), *spec.default_on.values())
    wanted = [device for device in (usual if devices is None else devices) if spec.precisions(device) is not None]
    found = dict.fromkeys(pinned for device in wanted if (pinned := environment_for(spec, device)) is not None)
    return tuple(dict.fromkeys(name for pinned in found for name in pinned.packages))

"""The table of backends is whole: what it names exists, and what it promises can be asked for."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from backends.spec import ARTIFACT_FORMATS, PRECISIONS, PREFIX_CACHING, BackendSpec
from backends.table import BACKENDS

ROOT = Path(__file__).resolve().parents[2]

every_backend = pytest.mark.parametrize("spec", BACKENDS.values(), ids=BACKENDS.keys())


@every_backend
def test_the_name_is_the_key(spec: BackendSpec) -> None:
    assert BACKENDS[spec.name] is spec


@every_backend
def test_the_target_is_a_class_in_a_file_of_its_own(spec: BackendSpec) -> None:
    # Read, not imported: the stack is not installed here.
    module, _, name = spec.target.partition(":")
    tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))

    assert name in {node.name for node in tree.body if isinstance(node, ast.ClassDef)}


@every_backend
def test_the_group_is_in_the_project_file(spec: BackendSpec) -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]

    assert {spec.group, *spec.groups.values()} - {None} <= set(groups)


@every_backend
def test_the_artifact_format_is_one_that_can_be_made(spec: BackendSpec) -> None:
    assert spec.artifact_format in ARTIFACT_FORMATS


@every_backend
def test_every_weight_format_is_a_known_one(spec: BackendSpec) -> None:
    assert {precision for formats in spec.devices.values() for precision in formats} <= set(PRECISIONS)


@every_backend
def test_the_default_of_an_option_with_choices_is_one_of_them(spec: BackendSpec) -> None:
    chosen = {name: one for name, one in spec.options.items() if one.choices}
    assert [name for name, one in chosen.items() if one.default not in ("", *one.choices)] == []


@every_backend
def test_the_default_weight_formats_can_be_asked_for_on_its_first_device(spec: BackendSpec) -> None:
    assert set(spec.default_precisions) <= set(next(iter(spec.devices.values())))


@every_backend
def test_what_the_system_may_list_stands_for_devices_that_it_has(spec: BackendSpec) -> None:
    assert set(spec.default_on.values()) <= set(spec.devices)


@every_backend
def test_a_venv_of_its_own_belongs_to_a_device_that_it_has(spec: BackendSpec) -> None:
    assert set(spec.groups) <= set(spec.devices)


@every_backend
def test_it_is_tested_on_devices_that_it_has(spec: BackendSpec) -> None:
    devices = (*spec.tested_on, *spec.tested_if_installed)
    assert devices
    assert all(spec.precisions(device) for device in devices)


@every_backend
def test_a_default_backend_is_tested_with_the_packages_that_measure_the_cpu(spec: BackendSpec) -> None:
    assert not spec.by_default or "CPU" in spec.tested_on


@every_backend
def test_the_options_of_devices_belong_to_devices_that_it_has(spec: BackendSpec) -> None:
    assert {device for option in spec.options.values() for device in option.devices} <= {*spec.devices, "AUTO"}


@every_backend
def test_every_option_says_what_it_is_for(spec: BackendSpec) -> None:
    assert all(option.help for option in spec.options.values())


def test_a_numbered_device_takes_what_its_family_takes() -> None:
    spec = BACKENDS["openvino-genai"]

    assert spec.precisions("GPU.1") == spec.precisions("GPU")


def test_a_device_that_a_stack_does_not_know_takes_nothing() -> None:
    assert BACKENDS["transformers"].precisions("NPU") is None


def test_the_only_backend_that_needs_no_venv_is_the_simulated_one() -> None:
    assert [spec.name for spec in BACKENDS.values() if spec.group is None] == ["simulated"]


def test_the_only_backend_that_plays_latencies_says_so() -> None:
    assert [spec.name for spec in BACKENDS.values() if spec.simulated] == ["simulated"]


@every_backend
def test_a_prefix_cache_is_on_devices_that_the_backend_has_and_no_option_of_the_user(spec: BackendSpec) -> None:
    cache = spec.prefix_cache
    assert cache is None or (set(cache.devices) <= set(spec.devices) and PREFIX_CACHING not in spec.options)

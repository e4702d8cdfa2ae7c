"""Every backend that a run can ask for: this project's own, and those that installed packages offer."""

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points

from backends.spec import ARTIFACT_FORMATS, ENTRY_POINT, PRECISIONS, BackendSpec
from backends.table import BACKENDS as OWN
from bench.errors import UsageError


def offered(points: Iterable[EntryPoint], taken: Mapping[str, BackendSpec]) -> dict[str, BackendSpec]:
    """The specs that entry points offer, by name.

    Raises:
        UsageError: one offers something else, or under a name that is taken.
    """
    found: dict[str, BackendSpec] = {}
    for point in points:
        package = f" of {point.dist.name}" if point.dist else ""
        origin = f"the entry point {point.name}{package} in {ENTRY_POINT}"
        try:
            spec = point.load()
        except Exception as error:
            raise UsageError(
                f"{origin} cannot be loaded ({type(error).__name__}: {error}); mend or uninstall that package"
            ) from error
        if not isinstance(spec, BackendSpec):
            raise UsageError(f"{origin} offers a {type(spec).__name__}, not a backends.spec.BackendSpec")
        wrong = {precision for formats in spec.devices.values() for precision in formats} - set(PRECISIONS)
        if wrong or spec.artifact_format not in ARTIFACT_FORMATS:
            what = ", ".join(sorted(wrong)) or spec.artifact_format
            raise UsageError(f"{origin} names {what}, which this version does not know; see backends/spec.py")
        if spec.name in taken or spec.name in found:
            raise UsageError(f"{origin}: a backend named {spec.name} is there already; uninstall one of the two")
        found[spec.name] = spec
    return found


BACKENDS: dict[str, BackendSpec] = dict(OWN)
"""Name -> backend."""
PROBLEM: str | None = None
"""Why a backend that a package offers is not among them, which ends every run with that line."""

try:
    BACKENDS |= offered(entry_points(group=ENTRY_POINT), OWN)
except UsageError as error:
    PROBLEM = str(error)

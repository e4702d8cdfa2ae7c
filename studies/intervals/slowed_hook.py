"""Lies in the environment that :mod:`studies.intervals.slowed` makes, and slows a stack down there."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
import time
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any


def install(module: str, owner: str, method: str, share: float) -> None:
    """Slow ``module.owner.method`` by ``share`` of the time that each call takes, as soon as ``module`` is imported."""
    waiting = (one.module for one in sys.meta_path if isinstance(one, _Finder))
    # Python reads a folder's .pth files twice where it comes to the folder in two ways.
    if module not in waiting:
        sys.meta_path.insert(0, _Finder(module, owner, method, share))


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module as the others do, and changes it when it has been executed."""

    def __init__(self, module: str, owner: str, method: str, share: float) -> None:
        self.module, self.owner, self.method, self.share = module, owner, method, share

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the protocol's signature
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> importlib.machinery.ModuleSpec | None:
        """The spec of the module that is waited for."""
        if fullname != self.module:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self)
        return spec


class _Loader(importlib.abc.Loader):
    def __init__(self, inner: Any, finder: _Finder) -> None:
        self.inner, self.finder = inner, finder

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self.inner.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        self.inner.exec_module(module)
        owner = getattr(module, self.finder.owner)
        setattr(owner, self.finder.method, slowed(getattr(owner, self.finder.method), self.finder.share))


def slowed(call: Callable[..., Any], share: float) -> Callable[..., Any]:
    """``call``, followed by a busy wait for ``share`` of the time that it took."""
    clock = time.perf_counter_ns

    def slow(*arguments: Any, **named: Any) -> Any:
        begun = clock()
        result = call(*arguments, **named)
        ended = clock()
        until = ended + round((ended - begun) * share)
        while clock() < until:
            pass
        return result

    return slow

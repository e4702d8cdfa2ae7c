"""A network for each machine, on Linux as root: a namespace, and a link to a bridge at which the scheduler listens."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence

_BRIDGE, _NET = "aipcfleet", "10.213.77"


class Networks:
    """Those of some machines; where they cannot be had, all machines are on loopback."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._may = sys.platform == "linux" and os.geteuid() == 0
        self.made = False

    @property
    def host(self) -> str:
        """Where the scheduler listens."""
        return f"{_NET}.1" if self._may else "127.0.0.1"

    @property
    def inside(self) -> dict[str, list[str]]:
        """Machine -> the beginning of a command that enters its network."""
        return {name: ["ip", "netns", "exec", f"{_BRIDGE}-{name}"] for name in self._names} if self._may else {}

    def make(self) -> None:
        """Make them."""
        if not self._may:
            return
        self.remove()
        _ip("link", "add", _BRIDGE, "type", "bridge")
        _ip("addr", "add", f"{_NET}.1/24", "dev", _BRIDGE)
        _ip("link", "set", _BRIDGE, "up")
        for number, name in enumerate(self._names):
            space, link = f"{_BRIDGE}-{name}", f"aipc{number}"
            _ip("netns", "add", space)
            _ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", space)
            _ip("link", "set", link, "master", _BRIDGE, "up")
            _ip("-n", space, "addr", "add", f"{_NET}.{number + 2}/24", "dev", "eth0")
            _ip("-n", space, "link", "set", "eth0", "up")
            _ip("-n", space, "link", "set", "lo", "up")
            _ip("-n", space, "route", "add", "default", "via", f"{_NET}.1")
        self.made = True

    def cut(self, name: str, seconds: float) -> None:
        """Take a machine's link down, and up again."""
        link = f"aipc{self._names.index(name)}"
        _ip("link", "set", link, "down")
        time.sleep(seconds)
        _ip("link", "set", link, "up")

    def remove(self) -> None:
        """Remove them."""
        if self._may:
            for name in self._names:
                _ip("netns", "del", f"{_BRIDGE}-{name}", check=False)
            _ip("link", "del", _BRIDGE, check=False)


def _ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, stderr=None if check else subprocess.DEVNULL)

"""Libraries and registry values of Windows; on other systems there are none."""

import ctypes
import sys
from contextlib import suppress
from typing import Any

if sys.platform == "win32":
    import winreg


def library(name: str) -> Any:
    """A system library such as ``kernel32``; ``None`` on other systems."""
    if sys.platform == "win32":
        return ctypes.WinDLL(name)
    return None


def registry_value(key: str, name: str) -> Any:
    """A value below ``HKEY_LOCAL_MACHINE``; ``None`` where there is none, and on other systems."""
    if sys.platform == "win32":
        with suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            return winreg.QueryValueEx(opened, name)[0]
    return None


def registry_keys(key: str) -> list[str]:
    """The full names of the keys below a key of ``HKEY_LOCAL_MACHINE``."""
    if sys.platform == "win32":
        with suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            count = winreg.QueryInfoKey(opened)[0]
            return [f"{key}\\{winreg.EnumKey(opened, number)}" for number in range(count)]
    return []

"""Whether workers and converters are kept from the network here; asked of a process like theirs."""

import subprocess
import sys

from backends.process import leave_network
from bench.processes import child_environment

_ASK = "from backends.process import leave_network; print(leave_network() or '')"


def network_kept() -> str | None:
    """Why workers and converters keep the network of the machine; ``None`` where they have none."""
    if sys.platform != "linux":
        return leave_network()
    asked = [sys.executable, "-c", _ASK]
    try:
        shown = subprocess.run(asked, env=child_environment({}), capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return f"it could not be found out ({type(error).__name__})"
    return shown.stdout.strip() or None

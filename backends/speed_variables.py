"""The variables of a process's environment that change how fast a stack runs: from an allow-list, without paths."""

import re
from collections.abc import Mapping
from pathlib import Path

_FAMILIES = (
    # OpenMP and its runtimes, and the other thread pools
    *("OMP_", "GOMP_", "KMP_", "TBB_", "HWLOC_"),
    # math libraries
    *("ONEDNN_", "DNNL_", "MKL_", "OPENBLAS_", "GOTO_", "BLIS_", "LIBXSMM_", "NUMEXPR_"),
    # memory
    *("MALLOC_", "MIMALLOC_", "TCMALLOC_"),
    # stacks
    *("OPENVINO_", "OV_", "ORT_", "ORTGENAI_", "ONNXRUNTIME_", "GGML_", "LLAMA_"),
    *("TORCH_", "TORCHINDUCTOR_", "TORCHDYNAMO_", "PYTORCH_", "ATEN_", "IPEX_"),
    # drivers of GPUs and NPUs
    *("CUDA_", "CUBLAS_", "CUDNN_", "NVIDIA_", "HIP_", "HSA_", "ROCR_", "AMD_"),
    *("ZE_", "ZES_", "ONEAPI_", "SYCL_", "UR_"),
    *("IGC_", "IE_NPU_", "VK_", "OCL_", "OPENCL_"),
)
"""What their names begin with."""

_SINGLE = frozenset(
    (
        *("LD_AUDIT", "LD_BIND_NOW", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "GLIBC_TUNABLES"),
        # Twice: Windows has names in capitals only, whatever was typed.
        *("_RJEM_MALLOC_CONF", "NEOReadDebugKeys", "NEOREADDEBUGKEYS", "TOKENIZERS_PARALLELISM"),
        *("COVERAGE_PROCESS_START", "PYTHONDEVMODE", "PYTHONMALLOC", "PYTHONTRACEMALLOC", "PYTHON_GIL", "PYTHON_JIT"),
    )
)

_SECRET = frozenset(("AUTH", "CREDENTIAL", "CREDENTIALS", "KEY", "PASSWD", "PASSWORD", "SECRET", "TOKEN"))
"""A part of a name that says that the value is nobody's business."""

_HIDDEN = "(set)"
_LONGEST = 200
_MOST = 100

_LIST_OF_FILES = frozenset(("LD_AUDIT", "LD_PRELOAD"))
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,40}://[^\s;,]*")
_PATH = re.compile(
    r"""(?:\b[A-Za-z]:(?=[\\/])|~[^\\/:;,=\s"']{0,255}(?=[\\/]))?"""
    r"""[\\/](?:[^:;,="']*[\\/])?([^\\/:;,=\s"']*)"""
)


def speed_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Those variables of ``environ`` that change how fast a stack runs, in alphabetical order.

    Of a path only the name of the file is kept, of an address nothing, and of a variable that is named like a secret
    only that it is set.
    """
    names = sorted(name for name in environ if changes_speed(name))
    return {name: _value(name, environ[name]) for name in names[:_MOST]}


def changes_speed(name: str) -> bool:
    """Whether the variable ``name`` changes how fast a stack runs."""
    return name in _SINGLE or name.startswith(_FAMILIES)


def is_secret(name: str) -> bool:
    """Whether the variable ``name`` is named like a secret."""
    return bool(_SECRET.intersection(name.upper().split("_")))


def home_folder() -> Path | None:
    """The user's home folder; ``None`` where there is none, as for a user id without an account."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def _value(name: str, value: str) -> str:
    if is_secret(name):
        return _HIDDEN
    if name in _LIST_OF_FILES:
        # Separated by blanks or colons, so that no file's name can hold either.
        shown = ":".join(_without_paths(file) for file in re.split(r"[\s:]+", value.strip()))
    else:
        shown = _without_paths(value)
    plain = "".join(sign if sign.isprintable() else "?" for sign in shown)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"


def _without_paths(value: str) -> str:
    home = home_folder()
    shown = _PATH.sub(lambda found: found[1], _URL.sub(_HIDDEN, value))
    # The home folder itself is named like its user.
    return "~" if home is not None and shown == home.name and shown != value else shown

from __future__ import annotations

from pathlib import Path

import pytest

from backends.speed_variables import speed_variables

CHOSEN = (
    "ONEDNN_MAX_CPU_ISA",
    "KMP_BLOCKTIME",
    "OMP_WAIT_POLICY",
    "GOMP_CPU_AFFINITY",
    "MALLOC_ARENA_MAX",
    "OPENVINO_LOG_LEVEL",
    "ORT_TENSORRT_X",
    "TBB_NUM_THREADS",
    "MKL_CBWR",
    "OPENBLAS_CORETYPE",
    "GGML_CUDA_DISABLE_GRAPHS",
    "TORCHINDUCTOR_FREEZING",
    "PYTORCH_CUDA_ALLOC_CONF",
    "ATEN_CPU_CAPABILITY",
    "DNNL_PRIMITIVE_CACHE_CAPACITY",
    "OV_GPU_X",
    "CUDA_VISIBLE_DEVICES",
    "ZE_AFFINITY_MASK",
    "SYCL_CACHE_PERSISTENT",
    "NEOReadDebugKeys",
    "NEOREADDEBUGKEYS",
    "GLIBC_TUNABLES",
    "ONEAPI_DEVICE_SELECTOR",
    "TOKENIZERS_PARALLELISM",
)
OTHERS = (
    "PATH",
    "HOME",
    "USER",
    "HF_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "PYTHONPATH",
    "AIPC_BENCH_CACHE",
    "XOMP_NUM_THREADS",
    "omp_num",
    "LANG",
    "SSH_AUTH_SOCK",
)


def test_what_changes_a_stack_is_taken_and_nothing_else() -> None:
    environ = dict.fromkeys([*CHOSEN, *OTHERS], "1")
    assert list(speed_variables(environ)) == sorted(CHOSEN)


@pytest.mark.parametrize("name", ["LLAMA_API_KEY", "ORT_LICENSE_TOKEN", "OPENVINO_MODEL_SERVER_PASSWORD"])
def test_of_what_is_named_like_a_secret_only_that_it_is_set_is_told(name: str) -> None:
    assert speed_variables({name: "hunter2"}) == {name: "(set)"}


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("LD_PRELOAD", "/home/ada/lib/libjemalloc.so.2", "libjemalloc.so.2"),
        ("LD_PRELOAD", "/home/ada/a.so /opt/b.so:/c.so", "a.so:b.so:c.so"),
        ("LD_LIBRARY_PATH", "/home/ada/lib:/usr/lib64:", "lib:lib64:"),
        ("CUDA_PATH", r"C:\Users\Ada Lovelace\CUDA\v12.4", "v12.4"),
        ("OV_CACHE_DIR", "C:/Users/Ada Lovelace/ov cache/x.blob", "x.blob"),
        ("ORT_LIB", r"\\server\share\ort.dll", "ort.dll"),
        ("OMP_TOOL_LIBRARIES", "~ada/tools/libompt.so", "libompt.so"),
        ("MALLOC_CONF", "prof:true,prof_prefix:/home/ada/jeprof,narenas:1", "prof:true,prof_prefix:jeprof,narenas:1"),
        ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1", "glibc.malloc.hugetlb=1"),
        ("ONEAPI_DEVICE_SELECTOR", "level_zero:gpu", "level_zero:gpu"),
        ("OPENVINO_TELEMETRY", "https://ada:pw@intranet/x?key=1", "(set)"),
        ("KMP_AFFINITY", "granularity=fine,compact,1,0", "granularity=fine,compact,1,0"),
        ("OMP_X", "a\x1b[31m\n\udc80b", "a?[31m??b"),
    ],
)
def test_paths_addresses_and_signs_of_control_are_taken_out(name: str, value: str, shown: str) -> None:
    assert speed_variables({name: value}) == {name: shown}


def test_the_home_folder_itself_does_not_tell_its_users_name() -> None:
    assert speed_variables({"TBB_ROOT": str(Path.home())}) == {"TBB_ROOT": "~"}


@pytest.mark.usefixtures("no_home")
def test_a_user_without_a_home_folder_has_variables_too() -> None:
    assert speed_variables({"TBB_ROOT": "/opt/tbb"}) == {"TBB_ROOT": "tbb"}


def test_a_long_value_is_cut() -> None:
    (value,) = speed_variables({"OMP_PLACES": "0," * 500}).values()
    assert (len(value), value[-1]) == (200, "…")


def test_there_are_not_more_than_a_hundred() -> None:
    assert len(speed_variables({f"OMP_{number}": "1" for number in range(500)})) == 100

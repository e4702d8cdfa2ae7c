"""What the ready-made binding of llama.cpp is told, with a few lines in the place of the library."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from backends import vulkan_devices
from backends.contract import ArtifactError, BackendError, Device, DeviceUnavailableError, LoadOptions, Session
from backends.vulkan_devices import VulkanDevice

GPU = VulkanDevice(Device("VULKAN.0"), 1, "Intel(R) Arc")
LLVMPIPE = VulkanDevice(Device("VULKAN.LLVMPIPE"), 0, "llvmpipe (LLVM 15.0.6, 256 bits)")


class Model:
    n_ctx_train = 2_048
    desc = "llama 256M Q4_0"

    def meta_val_str(self, key: str) -> str:
        raise ValueError(key)

    def get_vocab(self) -> SimpleNamespace:
        return SimpleNamespace(n_vocab=4)

    def close(self) -> None:
        """As the library's."""


class Batch:
    def __init__(self, **_: object) -> None:
        self.entries: list[tuple[object, ...]] = []
        self.clear = self.entries.clear
        self.close = lambda: None

    def add(self, *entry: object) -> None:
        self.entries.append(entry)


class Library(ModuleType):
    """cyllama, as far as it is asked."""

    LlamaBatch = Batch
    LlamaModelParams = LlamaContextParams = LlamaSamplerChainParams = SimpleNamespace

    def __init__(self) -> None:
        super().__init__("cyllama.llama.llama_cpp")
        self.log: Any = None
        self.said: tuple[str, ...] = ()
        self.refuses: Exception | None = None
        self.full = False
        self.listed = [{"name": "CPU", "type": "CPU"}, {"name": "Vulkan0", "type": "GPU"}]
        self.models: list[Any] = []
        self.contexts: list[Any] = []
        self.batches: list[list[tuple[object, ...]]] = []

    def set_log_callback(self, callback: Any) -> None:
        self.log = callback

    def ggml_backend_load_all(self) -> None:
        """As the library's."""

    def llama_backend_init(self) -> None:
        """As the library's."""

    def ggml_backend_dev_info(self) -> list[dict[str, str]]:
        return self.listed

    def llama_print_system_info(self) -> str:
        return "CPU : AVX2 = 1 | "

    def LlamaModel(self, path: str, parameters: Any, verbose: bool) -> Model:  # noqa: N802 - its name
        self.models.append(parameters)
        if self.refuses is not None:
            raise self.refuses
        for line in self.said:
            self.log(2, line)
        return Model()

    def LlamaContext(self, model: Model, parameters: Any, verbose: bool) -> Any:  # noqa: N802
        self.contexts.append(parameters)
        if parameters.type_v == 8 and parameters.flash_attn_type == 0:
            self.log(4, "llama_init_from_model: quantized V cache requires flash_attn to be enabled")
            raise ValueError("no context")
        nothing = lambda *_: None  # noqa: E731
        return SimpleNamespace(
            n_batch=8, n_threads=2, decode=self._decode, kv_cache_clear=nothing, close=nothing, get_logits_ith=self._row
        )

    def LlamaSampler(self, parameters: Any) -> Any:  # noqa: N802
        return SimpleNamespace(add_greedy=lambda: None, sample=lambda context, place: 3, close=lambda: None)

    def _decode(self, batch: Batch) -> None:
        self.batches.append([*batch.entries])
        if self.full:
            raise ValueError("could not find a KV slot for the batch")

    def _row(self, place: int) -> list[float]:
        return [0.0, float(place), 0.0, 0.0]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    library = Library()
    for name in ("cyllama", "cyllama.llama"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, library.__name__, library)
    monkeypatch.setattr(sys.modules["cyllama"], "llama", sys.modules["cyllama.llama"], raising=False)
    monkeypatch.setattr(sys.modules["cyllama.llama"], "llama_cpp", library, raising=False)
    monkeypatch.delitem(sys.modules, "backends.llama_cpp", raising=False)
    monkeypatch.delenv("GGML_VK_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(vulkan_devices, "vulkan_devices", lambda visible: [LLVMPIPE, GPU])
    yield library
    sys.modules.pop("backends.llama_cpp", None)


def load(folder: Path, device: str, *packages: str, **extra: str) -> Session:
    (folder / "model.gguf").touch()
    module: Any = importlib.import_module("backends.llama_cpp")
    module.installed_versions = lambda *names: {name: "0.7.0" for name in names if name in packages}
    module._versions = lambda: {"cyllama": "0.7.0", "llama.cpp": "b11669"}
    session: Session = module.LlamaCpp().load(folder, device, LoadOptions("int4", extra=extra))
    return session


@pytest.mark.parametrize(("device", "index"), [("VULKAN", "1"), ("VULKAN.0", "1"), ("VULKAN.LLVMPIPE", "0")])
def test_llama_cpp_is_shown_the_device_alone_and_told_to_put_all_layers_there(
    library: Library, tmp_path: Path, device: str, index: str
) -> None:
    load(tmp_path, device, "cyllama-vulkan")
    assert (os.environ["GGML_VK_VISIBLE_DEVICES"], library.models[0].n_gpu_layers > 1_000) == (index, True)


def test_on_the_cpu_no_layer_and_no_long_prompt_goes_elsewhere(library: Library, tmp_path: Path) -> None:
    evidence = load(tmp_path, "CPU").evidence()
    parameters = library.contexts[0]
    assert (library.models[0].n_gpu_layers, parameters.op_offload, parameters.offload_kqv) == (0, False, False)
    assert (evidence.device, evidence.device_source, evidence.versions["llama.cpp"]) == ("CPU", "read-back", "b11669")


@pytest.mark.parametrize("packages", [(), ("cyllama-vulkan",)])
def test_a_device_that_is_not_here_is_refused_with_those_that_are(
    library: Library, tmp_path: Path, packages: tuple[str, ...]
) -> None:
    with pytest.raises(DeviceUnavailableError, match="VULKAN.LLVMPIPE" if packages else "there are: none"):
        load(tmp_path, "VULKAN.1", *packages)
    assert library.models == []


def test_a_device_that_llama_cpp_itself_does_not_list_is_refused(library: Library, tmp_path: Path) -> None:
    library.listed = library.listed[:1]
    with pytest.raises(DeviceUnavailableError, match=r"Vulkan lists Intel\(R\) Arc, and llama.cpp does not"):
        load(tmp_path, "VULKAN", "cyllama-vulkan")
    assert library.models == []


def test_layers_left_on_the_cpu_are_not_called_vulkan(library: Library, tmp_path: Path) -> None:
    library.said = (f"using device Vulkan0 ({GPU.product}) (unknown id) - 9 MiB free", "offloaded 12/31 layers to GPU")
    evidence = load(tmp_path, "VULKAN", "cyllama-vulkan").evidence()
    assert (evidence.device, "12 of 31 layers (39%)" in evidence.note) == ("CPU and VULKAN.0", True)


def test_a_software_device_is_called_so(library: Library, tmp_path: Path) -> None:
    library.said = (
        f"using device Vulkan0 ({LLVMPIPE.product}) (unknown id) - 9 MiB free",
        "offloaded 3/3 layers to GPU",
    )
    evidence = load(tmp_path, "VULKAN.LLVMPIPE", "cyllama-vulkan").evidence()
    assert evidence.device == "VULKAN.LLVMPIPE"
    assert evidence.note.startswith("llvmpipe (LLVM 15.0.6, 256 bits) is a software device: the CPU computes.")


def test_ids_go_in_as_they_are_with_their_places_and_logits_for_the_last_alone(
    library: Library, tmp_path: Path
) -> None:
    steps: list[list[int]] = []
    load(tmp_path, "CPU").generate([[5, 6, 7]], 2, lambda ids: steps.append(list(ids)))
    assert library.batches == [[(5, 0, [0], False), (6, 1, [0], False), (7, 2, [0], True)], [(3, 3, [0], True)]]
    assert steps == [[3], [3]]


def test_types_and_attention_are_handed_on(library: Library, tmp_path: Path) -> None:
    load(tmp_path, "CPU", type_k="q8_0", type_v="f32", flash_attention="auto").evidence()
    parameters = library.contexts[0]
    assert (parameters.type_k, parameters.type_v, parameters.flash_attn_type) == (8, 0, -1)


def test_a_quantized_cache_of_values_without_flash_attention_is_refused_with_a_remedy(
    library: Library, tmp_path: Path
) -> None:
    with pytest.raises(BackendError, match="requires flash_attn to be enabled; ask for flash_attention=on"):
        load(tmp_path, "CPU", type_v="q8_0", flash_attention="off").evidence()


def test_a_full_cache_is_said_with_its_remedy(library: Library, tmp_path: Path) -> None:
    library.full = True
    with pytest.raises(BackendError, match=r"could not find a KV slot.*ask for a shorter prompt"):
        load(tmp_path, "CPU").generate([[5]], 1, lambda ids: None)


def test_what_the_binding_itself_refuses_is_the_reason(library: Library, tmp_path: Path) -> None:
    library.refuses = ValueError("it does not look like a valid GGUF model file")
    with pytest.raises(ArtifactError, match=r"could not load .*: it does not look like a valid GGUF"):
        load(tmp_path, "CPU")


def test_logits_are_float32(library: Library, tmp_path: Path) -> None:
    session: Any = load(tmp_path, "CPU")
    assert session._make_context(1, 256)
    assert (session._logits(2).dtype, session._logits(2)[1]) == (np.float32, 2)

"""llama.cpp as it comes ready-made in the package cyllama, for the CPU, and in cyllama-vulkan, for GPUs."""

from __future__ import annotations

import atexit
import json
import os
from importlib.resources import files
from pathlib import Path
from typing import Any

import cyllama.llama.llama_cpp as llama
import numpy as np

from backends.contract import (
    Device,
    DeviceUnavailableError,
    Evidence,
    LoadOptions,
    installed_versions,
    one_line,
)
from backends.llama_requests import LlamaLog, LlamaRequests, model_in, not_loaded, placement
from backends.spec import name_among
from backends.vulkan_devices import VulkanDevice, vulkan_devices

VISIBLE = "GGML_VK_VISIBLE_DEVICES"
"""The variable by which llama.cpp is told which of Vulkan's devices it may see; without it it hides software ones."""

_WHOLE_MODEL = 1_000_000
"""More layers than any model has."""

_log = LlamaLog()


class LlamaCpp:
    """The llama.cpp stack, as it comes ready-made."""

    def __init__(self) -> None:
        llama.set_log_callback(_log.take)
        # A model that is let go of as Python ends would log through what is no more.
        atexit.register(llama.set_log_callback, None)
        # A user may hide some, as from llama.cpp's own programs.
        visible = os.environ.get(VISIBLE)
        found = vulkan_devices(visible) if installed_versions("cyllama-vulkan") else []
        self._vulkan = {one.device.name: one for one in found}
        self._abilities = ""

    def devices(self) -> list[Device]:
        return [Device(name="CPU"), *(one.device for one in self._vulkan.values())]

    def load(self, artifact: Path, device: str, options: LoadOptions) -> LlamaSession:
        vulkan = self._require(device)
        path = model_in(artifact)
        _log.clear()
        llama.ggml_backend_load_all()
        llama.llama_backend_init()
        # Said once in a process: which types and instructions the device's kernels may use.
        said = _log.found(r"ggml_vulkan: \d+ = .*?\| (.*)")
        self._abilities = said.group(1).strip() if said else self._abilities
        if vulkan is not None and not any(one["type"] != "CPU" for one in llama.ggml_backend_dev_info()):
            raise DeviceUnavailableError(
                f"Vulkan lists {vulkan.product}, and llama.cpp does not: {_log.reason('its log does not say why')}; "
                "update the device's driver, or ask for --device CPU"
            )
        parameters = llama.LlamaModelParams()
        parameters.n_gpu_layers = 0 if vulkan is None else _WHOLE_MODEL
        _log.clear()
        try:
            model = llama.LlamaModel(str(path), parameters, verbose=False)
        except (ValueError, RuntimeError, OSError) as error:
            # The binding itself refuses what does not begin as a GGUF.
            raise not_loaded(path, _log.reason(one_line(error))) from None
        return LlamaSession(model, vulkan, self._abilities, options)

    def _require(self, device: str) -> VulkanDevice | None:
        """The device of Vulkan's that ``device`` names; ``None`` for the CPU.

        llama.cpp is shown no other, for it spreads a model over all GPUs that it sees.
        """
        if device == "CPU":
            return None
        if (name := name_among(device, self._vulkan)) is not None:
            os.environ[VISIBLE] = str(self._vulkan[name].index)
            return self._vulkan[name]
        others = ", ".join(f"{name} ({one.product})" for name, one in self._vulkan.items()) or "none"
        raise DeviceUnavailableError(
            f"llama-cpp finds no {device} on this machine; of Vulkan's devices there are: {others}. "
            "Ask for one of those by its name, or for --device CPU"
        )


class LlamaSession(LlamaRequests):
    """A loaded model, and the context of its requests."""

    def __init__(self, model: Any, vulkan: VulkanDevice | None, abilities: str, options: LoadOptions) -> None:
        self._model = model
        self._vulkan = vulkan
        self._abilities = abilities
        self._placement = placement(_log)
        self._context: Any = None
        self._batch: Any = None
        super().__init__(options, _log, int(model.n_ctx_train), int(model.get_vocab().n_vocab))
        self._sampler = llama.LlamaSampler(llama.LlamaSamplerChainParams())
        self._sampler.add_greedy()

    def _field(self, name: str) -> str | None:
        try:
            return str(self._model.meta_val_str(name))
        except ValueError:
            return None

    def _make_context(self, sequences: int, cells: int) -> int | None:
        parameters = self._set_up(llama.LlamaContextParams(), sequences, cells)
        # Else a GPU that llama.cpp sees computes the long prompts of a model on the CPU.
        parameters.op_offload = parameters.offload_kqv = self._vulkan is not None
        try:
            self._context = llama.LlamaContext(self._model, parameters, verbose=False)
        except (ValueError, RuntimeError):
            return None
        most_in_a_batch = int(self._context.n_batch)
        self._batch = llama.LlamaBatch(n_tokens=most_in_a_batch, embd=0, n_seq_max=1, verbose=False)
        return most_in_a_batch

    def _forget(self) -> None:
        self._context.kv_cache_clear(False)

    def _forget_from(self, row: int, position: int) -> bool:
        return bool(self._context.memory_seq_rm(row, position, -1))

    def _decode(self, ids: Any, positions: Any, rows: Any, wanted: Any) -> None:
        self.log.clear()
        self._batch.clear()
        for one in zip(ids.tolist(), positions.tolist(), rows.tolist(), wanted.tolist(), strict=True):
            token, position, row, logits = one
            self._batch.add(token, position, [row], bool(logits))
        try:
            self._context.decode(self._batch)
        except (ValueError, RuntimeError) as error:
            raise self._failed(str(error), full="KV slot" in str(error)) from None

    def _sample(self, place: int) -> int:
        return int(self._sampler.sample(self._context, place))

    def _logits(self, place: int) -> Any:
        return np.array(self._context.get_logits_ith(place), np.float32)

    def _where(self) -> Evidence:
        device, note = "CPU", f"llama.cpp holds a model {self._model.desc}."
        if self._vulkan is None:
            built = str(llama.llama_print_system_info()).strip(" |")
            note = f"{note} It was given no layer to offload. {built}."
        else:
            device = self._placement.ran_on(self._vulkan.device.name, self._vulkan.product)
            note = f"{note} {self._placement.words} Its Vulkan kernels: {self._abilities or 'not told'}."
            if self._vulkan.software:
                note = f"{self._vulkan.product} is a software device: the CPU computes. {note}"
        threads = self._context.n_threads
        computing = int(threads() if callable(threads) else threads)
        return Evidence(device, "read-back", note, threads=computing, versions=_versions())

    def close(self) -> None:
        self._free_context()
        self._sampler.close()
        self._model.close()

    def _free_context(self) -> None:
        for one in (self._batch, self._context):
            if one is not None:
                one.close()
        self._batch = self._context = None


def _versions() -> dict[str, str]:
    built = json.loads(files("cyllama").joinpath("build_config.json").read_text("utf-8"))["versions"]
    return {**installed_versions("cyllama", "cyllama-vulkan"), "llama.cpp": str(built["llama_cpp_version"])}

"""No converter goes on with a model that transformers could not load as it is stored."""

from typing import Any

from transformers import PreTrainedModel

from backends.convert import ConversionError
from backends.hf_model import why_not_as_stored


def refuse_incomplete() -> None:
    """From now on, loading a model whose folder lacks weights is an error in this process, whoever loads it.

    transformers only warns, and puts random numbers in their place; the exporters do not ask it what is missing.

    Raises (whoever loads):
        ConversionError: weights are missing, have another shape, or have no place in the model.
    """
    original = PreTrainedModel.from_pretrained.__func__

    def from_pretrained(cls: Any, /, *arguments: Any, output_loading_info: bool = False, **settings: Any) -> Any:
        model, found = original(cls, *arguments, output_loading_info=True, **settings)
        if reason := why_not_as_stored(model, found):
            raise ConversionError(f"the model is not whole: {reason}; download it again")
        return (model, found) if output_loading_info else model

    PreTrainedModel.from_pretrained = classmethod(from_pretrained)

"""What packages offer by mistake."""

from dataclasses import replace

from tests.third_party.aipc_toy import SPEC

PRECISION = replace(SPEC, devices={"CPU": ("int3",)})
FORMAT = replace(SPEC, artifact_format="coreml")
TAKEN = replace(SPEC, name="ort-genai")

"""A backend in somebody else's package, as CONTRIBUTING describes one: what the harness learns of it."""

from backends.spec import BackendSpec, OptionSpec

SPEC = BackendSpec(
    name="toy",
    target="aipc_toy.backend:Toy",
    group=None,
    artifact_format="none",
    devices={"CPU": ("fp32",)},
    default_precisions=("fp32",),
    batches=True,
    options={"work": OptionSpec(100_000, "additions per token")},
    requirements=("aipc-toy==1.0",),
)

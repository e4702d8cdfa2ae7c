"""One run from its plan to its report: wires the stages together."""

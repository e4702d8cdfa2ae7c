"""The study: what intervals and verdicts are worth, on noise whose truth is known and on a real stack."""

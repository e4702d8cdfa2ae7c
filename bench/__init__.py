"""The harness: plan, prepare, measure, observe, store, analyse, report, and a guard. It imports no inference stack."""

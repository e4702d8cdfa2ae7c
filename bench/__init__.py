"""The harness: plan, prepare, measure, observe, store, analyse, report, and a guard beside them. It imports no inference stack."""

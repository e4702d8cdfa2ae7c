"""The harness: plan, prepare, measure, observe, store, analyse, report. It imports no inference stack."""

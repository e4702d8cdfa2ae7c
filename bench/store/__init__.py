"""Results on disk: ``results/<run_id>/`` with run.json, end.json and parquet, committed as the run goes."""

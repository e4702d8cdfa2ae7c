"""The data of a page within the page: a link that saves summary.csv, also from a page that came by mail."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from bench.analyse.results import RunAnalysis
from bench.report.exports.summary_csv import summary_csv
from bench.report.language import ENGLISH, speaking
from bench.report.names import name_all
from bench.report.rows import cell_rows


@dataclass(frozen=True, slots=True)
class DataLink:
    """The address that holds the file, and the file's name."""

    href: str
    name: str


@speaking(ENGLISH.code)
def data_link(analysis: RunAnalysis) -> DataLink:
    """A link whose file has the bytes of summary.csv."""
    encoded = base64.b64encode(summary_csv(cell_rows(analysis, name_all(analysis))).encode("utf-8")).decode("ascii")
    run = re.sub(r"[^0-9A-Za-z_-]", "_", str(analysis.record.get("run_id")))[:64]
    return DataLink(f"data:text/csv;charset=utf-8;base64,{encoded}", f"{run}-summary.csv")

"""The report: numbered figures, tables and one page that opens anywhere."""

from neurorec.report.calibration import (
    CalibrationFacts,
    calibration_readings,
    calibration_table,
    readings_table,
    write_calibration,
)
from neurorec.report.facts import Provenance, SessionFacts, session_facts
from neurorec.report.figures import SavedFigure, save_figures
from neurorec.report.findings import Claim, Findings, FindingsFacts, claims_table, write_findings
from neurorec.report.modelled import ModelledSession, networks_table, verdict
from neurorec.report.page import render, write_report
from neurorec.report.reproduction import (
    RankSum,
    ReproductionFacts,
    medians_table,
    rank_sums,
    save_reproduction_figures,
    write_reproduction,
)
from neurorec.report.tables import Table, by_area_table
from neurorec.report.words import answer, describe_term

__all__ = [
    "CalibrationFacts",
    "Claim",
    "Findings",
    "FindingsFacts",
    "ModelledSession",
    "Provenance",
    "RankSum",
    "ReproductionFacts",
    "SavedFigure",
    "SessionFacts",
    "Table",
    "answer",
    "by_area_table",
    "calibration_readings",
    "calibration_table",
    "claims_table",
    "describe_term",
    "medians_table",
    "networks_table",
    "rank_sums",
    "readings_table",
    "render",
    "save_figures",
    "save_reproduction_figures",
    "session_facts",
    "verdict",
    "write_calibration",
    "write_findings",
    "write_report",
    "write_reproduction",
]

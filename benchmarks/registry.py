"""The suites of benchmarks by name; apart from all they need, so that the command line can offer them at its start."""

from __future__ import annotations

SUITES = {
    "allocation": ("suites_allocation", "allocation_suite"),
    "kouvelas": ("suites_allocation", "kouvelas_suite"),
    "scheduling": ("suites_scheduling", "scheduling_suite"),
    "lange": ("papers.lange", "lange_suite"),
    "settlement": ("suites_settlement", "settlement_suite"),
    "stackelberg": ("suites_stackelberg", "stackelberg_suite"),
    "aggregator": ("suites_aggregator", "aggregator_suite"),
    "speed": ("speed_suites", "speed_allocation_suite"),
    "speed-scheduling": ("speed_suites", "speed_scheduling_suite"),
    "speed-settlement": ("speed_suites", "speed_settlement_suite"),
    "speed-stackelberg": ("speed_suites", "speed_stackelberg_suite"),
    "speed-aggregator": ("speed_suites", "speed_aggregator_suite"),
}
"""Suite to module and name of the function that makes its sections, in the order of the report."""

DEFAULT_SUITES = tuple(name for name in SUITES if not name.startswith("speed"))
"""What runs when nothing is named: all but the suites of speed, which take minutes."""

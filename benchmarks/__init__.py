"""How good are the answers: comparison, experiments, tables, figures and reports."""

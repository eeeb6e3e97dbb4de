"""The allocation problem: decisions, rules, metrics and programs."""

"""Settlement: decisions, rules, programs and statements."""

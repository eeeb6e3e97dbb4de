"""What is asked: decisions, rules and mathematical programs."""

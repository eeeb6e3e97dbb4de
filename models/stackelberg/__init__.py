"""Stackelberg games: decisions, rules and programs."""

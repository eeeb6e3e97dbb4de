"""Scheduling: decisions, rules and programs."""

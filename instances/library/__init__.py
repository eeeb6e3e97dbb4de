"""The shipped instances, one Data Package folder each."""

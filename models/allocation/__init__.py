"""The allocation problem: who gets how much of the pooled surplus?"""

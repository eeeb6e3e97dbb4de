"""How it is answered: methods, program runners, kernels, heuristics and certificates."""

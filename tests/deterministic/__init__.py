"""The whole service on a virtual clock, under faults drawn from a seed: one seed is one run, the same each time."""

"""The main job, shown: a scheduler, three simulated instances of unequal speed, and a stream of tasks.

`workload` says which tasks come when and `tally` counts what came of them (both pure), `processes` keeps the
children, `screen` and `summary` draw, `show` runs it all. It uses the service as any client would.
"""

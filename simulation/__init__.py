"""The scheduler on a virtual clock: its own decision code, with modelled instances in place of real ones.

Files: `jobs` (what is to be done), `trace`, `generator` and `clients` (where that comes from), `fleet` (who does it),
`plant` (the virtual clock, and the instances on it), `scheduled` with `submission` (the scheduler as a policy of the
plant), `references` with `least_work` (what it is held against), `figures` and `waits` (what came of it), `experiment`
(policies over loads), `report`, `plots` and `document` (what is shown and written).
"""

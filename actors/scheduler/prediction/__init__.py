"""How long tasks take, on which instance, and what is left of them.

Files: `predictions` (the whole), `estimates` (of one pool: kinds of tasks), `linear_fit` (means by sizes), `spread`
(around them), `speed` (of an instance), `drift` (sudden changes), `prediction` (what is answered), `table` and
`table_text` (times that somebody has measured).
"""

from actors.scheduler.prediction.prediction import Prediction, Remaining, remaining
from actors.scheduler.prediction.predictions import UNKNOWN, Learnt, Predictions
from actors.scheduler.prediction.table import LookupTable
from actors.scheduler.prediction.table_text import TableError, parse_table

__all__ = [
    "UNKNOWN",
    "Learnt",
    "LookupTable",
    "Prediction",
    "Predictions",
    "Remaining",
    "TableError",
    "parse_table",
    "remaining",
]

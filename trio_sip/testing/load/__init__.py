"""Many calls at once, when they begin, and what came of them in numbers."""

from ._arrivals import Arrival
from ._load import LoadCall, sip_load
from ._load_result import LoadFailure, LoadResult

__all__ = ["Arrival", "LoadCall", "LoadFailure", "LoadResult", "sip_load"]

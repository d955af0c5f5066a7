"""Defects put into copies of the stack, one at a time, to see who finds them and who names them.

python -m tools.defects            # all of them, and the table
python -m tools.defects NAME ...   # these only
python -m tools.defects --page     # and write docs/explanation/what-the-suite-finds.md
"""

from .table import DEFECTS, Defect

__all__ = ["DEFECTS", "Defect"]

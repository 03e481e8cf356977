"""Whole worlds of nodes in one process, repeatable from one seed.

It drives nodes through their public interface and fakes only what a node takes from the machine:
time, entropy, links, a home.  It never contains a second implementation of anything a node does.
"""

from ._command import main as main
from ._plan import Plan as Plan
from ._plan import draw_plan as draw_plan
from ._run import run as run
from ._trace import SOMETIMES as SOMETIMES
from ._verdict import Report as Report
from ._verdict import Verdict as Verdict

__all__ = [
    "SOMETIMES",
    "Plan",
    "Report",
    "Verdict",
    "draw_plan",
    "main",
    "run",
]

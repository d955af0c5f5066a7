"""SIPp's scenario files: read, run on whatever network, counted, and judged."""

from ._failure import ScenarioFailure
from ._fields import ScenarioFields
from ._pace import Ramp, ScenarioPlan
from ._reader import load_sipp_scenario
from ._rows import InjectionFile, InjectionOrder, read_injection_file, read_sipp_rows
from ._rules import DefaultBehaviour, ScenarioRules
from ._run import ScenarioMonitor, ScenarioResult, run_sipp_scenario, run_sipp_twins
from ._scenario import Scenario, Step, StepKind, Unsupported
from ._sockets import ScenarioTransport
from ._statistics import ScenarioStatistics, StepCount
from ._twin import Twin
from ._xml import ScenarioError

__all__ = [
    "DefaultBehaviour",
    "InjectionFile",
    "InjectionOrder",
    "Ramp",
    "Scenario",
    "ScenarioError",
    "ScenarioFailure",
    "ScenarioFields",
    "ScenarioMonitor",
    "ScenarioPlan",
    "ScenarioResult",
    "ScenarioRules",
    "ScenarioStatistics",
    "ScenarioTransport",
    "Step",
    "StepCount",
    "StepKind",
    "Twin",
    "Unsupported",
    "load_sipp_scenario",
    "read_injection_file",
    "read_sipp_rows",
    "run_sipp_scenario",
    "run_sipp_twins",
]

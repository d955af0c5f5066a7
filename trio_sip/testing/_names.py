"""The names that ``trio_sip.testing`` gives."""

from __future__ import annotations

from ._aka import AkaSecret
from ._arrivals import Arrival
from ._capture import Capture, read_capture
from ._certificates import Certificate, CertificateAuthority
from ._check_gate import check_authenticator, check_identifier
from ._check_location import check_location_store
from ._check_network import check_network
from ._explain import explain
from ._failures import MissingMessage, ScriptFailed, UnexpectedMessage
from ._finding import Finding, FindingKind
from ._histogram import Histogram
from ._host import MemoryHost
from ._ladder import ladder
from ._leaks import Leak
from ._link import Link
from ._load import LoadCall, sip_load
from ._load_result import LoadFailure, LoadResult
from ._makers import MakeSipPeer, MakeSipStack
from ._message_pattern import MessagePattern
from ._misbehaviours import MISBEHAVIOURS, Ending, Misbehaviour, Outgoing
from ._nat import NatBox, NatKind
from ._network import MemoryNetwork
from ._pcapng import write_pcapng
from ._peer import SipPeer
from ._peer_call import PeerCall, SentRequest
from ._peer_messages import PeerMessage, PeerRequest, PeerResponse
from ._peer_sockets import PeerPath
from ._peer_statistics import PeerStatistics
from ._peer_thread import PeerThread, ThreadCall, ThreadMessage, open_peer_thread
from ._profiles import PROFILES, PeerProfile
from ._rules import Pattern, every, first
from ._scheduling import deterministic_scheduling
from ._sipp_failure import ScenarioFailure
from ._sipp_fields import ScenarioFields
from ._sipp_pace import Ramp, ScenarioPlan
from ._sipp_reader import load_sipp_scenario
from ._sipp_rows import InjectionFile, InjectionOrder, read_injection_file, read_sipp_rows
from ._sipp_rules import DefaultBehaviour, ScenarioRules
from ._sipp_run import ScenarioMonitor, ScenarioResult, run_sipp_scenario, run_sipp_twins
from ._sipp_scenario import Scenario, Step, StepKind, Unsupported
from ._sipp_sockets import ScenarioTransport
from ._sipp_statistics import ScenarioStatistics, StepCount
from ._sipp_twin import Twin
from ._sipp_xml import ScenarioError
from ._streams import MemoryConnection, StreamReset
from ._svg import svg_ladder
from ._test_registrar import TestRegistrar
from ._trace import trace
from ._waiting import HangsForever
from ._wire import Cause, Fate, Label, Wire
from ._worlds import Place, SipWorld, WorldKind

__all__ = [
    "MISBEHAVIOURS",
    "PROFILES",
    "AkaSecret",
    "Arrival",
    "Capture",
    "Cause",
    "Certificate",
    "CertificateAuthority",
    "DefaultBehaviour",
    "Ending",
    "Fate",
    "Finding",
    "FindingKind",
    "HangsForever",
    "Histogram",
    "InjectionFile",
    "InjectionOrder",
    "Label",
    "Leak",
    "Link",
    "LoadCall",
    "LoadFailure",
    "LoadResult",
    "MakeSipPeer",
    "MakeSipStack",
    "MemoryConnection",
    "MemoryHost",
    "MemoryNetwork",
    "MessagePattern",
    "Misbehaviour",
    "MissingMessage",
    "NatBox",
    "NatKind",
    "Outgoing",
    "Pattern",
    "PeerCall",
    "PeerMessage",
    "PeerPath",
    "PeerProfile",
    "PeerRequest",
    "PeerResponse",
    "PeerStatistics",
    "PeerThread",
    "Place",
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
    "ScriptFailed",
    "SentRequest",
    "SipPeer",
    "SipWorld",
    "Step",
    "StepCount",
    "StepKind",
    "StreamReset",
    "TestRegistrar",
    "ThreadCall",
    "ThreadMessage",
    "Twin",
    "UnexpectedMessage",
    "Unsupported",
    "Wire",
    "WorldKind",
    "check_authenticator",
    "check_identifier",
    "check_location_store",
    "check_network",
    "deterministic_scheduling",
    "every",
    "explain",
    "first",
    "ladder",
    "load_sipp_scenario",
    "open_peer_thread",
    "read_capture",
    "read_injection_file",
    "read_sipp_rows",
    "run_sipp_scenario",
    "run_sipp_twins",
    "sip_load",
    "svg_ladder",
    "trace",
    "write_pcapng",
]

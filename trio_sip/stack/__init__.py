"""The running stack: service registrar, works, common SIP methods, servicer of what comes in."""

from ._authenticate import Authenticator, CheckAuthResult
from ._authorize import Credentials
from ._contact import LocalContact
from ._dialogs import DialogEntry, ExpectsDialog, Usage
from ._endpoint import (
    ANONYMOUS,
    ARTIFICIAL,
    AccessList,
    Endpoint,
    EndpointIdentifier,
    EndpointKind,
    PreparedIdentifier,
)
from ._incoming import AnswerState, Canceller, IncomingRequest
from ._open import open_stack
from ._outgoing import OutgoingRequest
from ._parts import StackState
from ._registered import Registered
from ._reminders import Reminder
from ._security import SecurityEvent, SecurityEventKind
from ._sending import RequestUser, SentRequest
from ._service import Service, ServicePriority, Supplement
from ._settings import StackSettings
from ._stack import Stack
from ._statistics import StackSnapshot, StackStatistics
from ._tokens import Tokens
from ._unwrap import single_error, unwrapping_single_errors

__all__ = [
    "ANONYMOUS",
    "ARTIFICIAL",
    "AccessList",
    "AnswerState",
    "Authenticator",
    "Canceller",
    "CheckAuthResult",
    "Credentials",
    "DialogEntry",
    "Endpoint",
    "EndpointIdentifier",
    "EndpointKind",
    "ExpectsDialog",
    "IncomingRequest",
    "LocalContact",
    "OutgoingRequest",
    "PreparedIdentifier",
    "Registered",
    "Reminder",
    "RequestUser",
    "SecurityEvent",
    "SecurityEventKind",
    "SentRequest",
    "Service",
    "ServicePriority",
    "Stack",
    "StackSettings",
    "StackSnapshot",
    "StackState",
    "StackStatistics",
    "Supplement",
    "Tokens",
    "Usage",
    "open_stack",
    "single_error",
    "unwrapping_single_errors",
]

"""The names that ``import trio_sip`` gives, and where they live."""

from __future__ import annotations

# What can go wrong.
from ._errors import (
    AuthenticationRejected,
    CallEnded,
    CallRejected,
    LocalProtocolError,
    NoRoute,
    Overloaded,
    ProtocolError,
    RemoteProtocolError,
    RequestRejected,
    RequestTimedOut,
    SipError,
    TransportFailed,
    WorkDeadlock,
)

# Secrets, and who asks for them.
from .auth import (
    DigestChallengeData,
    HashedSecret,
    OutboundAuthenticator,
    OutboundCredential,
    PlainSecret,
)

# Who talks to whom.
from .dialog import Dialog

# Messages and what they are made of.
from .message import (
    Body,
    CSeq,
    Headers,
    Limits,
    Message,
    NameAddr,
    Params,
    Request,
    Response,
    Uri,
    Via,
    create_response,
    parse_message_untrusted,
    reason_phrase,
)

# Where users can be reached.
from .registration import (
    Binding,
    RegistrarPolicy,
    RegistrationPace,
    RegistrationSettings,
    RegistrationState,
)

# What is offered and answered.
from .sdp import (
    G722,
    OPUS,
    PCMA,
    PCMU,
    TELEPHONE_EVENT,
    Codec,
    Direction,
    Media,
    SessionDescription,
    create_answer,
)

# What plugs into a stack.
from .services import (
    DigestAuthenticator,
    HttpService,
    IdentifyAnonymous,
    IdentifyByAuthorization,
    IdentifyByCertificate,
    IdentifyByHeader,
    IdentifyByIp,
    IdentifyByRequestUri,
    IdentifyByUser,
    LocationStore,
    MemoryLocation,
    MessageService,
    OptionsService,
    QualifyService,
    Registrar,
    UserOptionsService,
    open_sqlite_location,
)

# Who has ended a call.
from .session import Side

# The running stack: who sent it, who proves it, who serves it.
from .stack import (
    ANONYMOUS,
    ARTIFICIAL,
    AccessList,
    Authenticator,
    CheckAuthResult,
    Endpoint,
    EndpointIdentifier,
    EndpointKind,
    IncomingRequest,
    OutgoingRequest,
    SecurityEvent,
    SecurityEventKind,
    Service,
    ServicePriority,
    Stack,
    StackSettings,
    StackSnapshot,
    StackStatistics,
    Supplement,
    Tokens,
    open_stack,
)

# Who is told what about whom.
from .subscription import NotifierPolicy, TerminationReason

# How long SIP waits.
from .transaction import TimerSettings

# Where messages come from and go to.
from .transport import Address, Flow, Listen, TlsSettings, TransportLimits

# Somebody with an address, and the calls that are made and come.
from .ua import (
    Call,
    IncomingCall,
    IncomingReferral,
    IncomingSubscription,
    Notification,
    OutgoingCall,
    Referral,
    Registration,
    Subscription,
    UserAgent,
    open_user_agent,
)

# What runs one after the other.
from .work import Work, current_work

__all__ = [
    "ANONYMOUS",
    "ARTIFICIAL",
    "G722",
    "OPUS",
    "PCMA",
    "PCMU",
    "TELEPHONE_EVENT",
    "AccessList",
    "Address",
    "AuthenticationRejected",
    "Authenticator",
    "Binding",
    "Body",
    "CSeq",
    "Call",
    "CallEnded",
    "CallRejected",
    "CheckAuthResult",
    "Codec",
    "Dialog",
    "DigestAuthenticator",
    "DigestChallengeData",
    "Direction",
    "Endpoint",
    "EndpointIdentifier",
    "EndpointKind",
    "Flow",
    "HashedSecret",
    "Headers",
    "HttpService",
    "IdentifyAnonymous",
    "IdentifyByAuthorization",
    "IdentifyByCertificate",
    "IdentifyByHeader",
    "IdentifyByIp",
    "IdentifyByRequestUri",
    "IdentifyByUser",
    "IncomingCall",
    "IncomingReferral",
    "IncomingRequest",
    "IncomingSubscription",
    "Limits",
    "Listen",
    "LocalProtocolError",
    "LocationStore",
    "Media",
    "MemoryLocation",
    "Message",
    "MessageService",
    "NameAddr",
    "NoRoute",
    "Notification",
    "NotifierPolicy",
    "OptionsService",
    "OutboundAuthenticator",
    "OutboundCredential",
    "OutgoingCall",
    "OutgoingRequest",
    "Overloaded",
    "Params",
    "PlainSecret",
    "ProtocolError",
    "QualifyService",
    "Referral",
    "Registrar",
    "RegistrarPolicy",
    "Registration",
    "RegistrationPace",
    "RegistrationSettings",
    "RegistrationState",
    "RemoteProtocolError",
    "Request",
    "RequestRejected",
    "RequestTimedOut",
    "Response",
    "SecurityEvent",
    "SecurityEventKind",
    "Service",
    "ServicePriority",
    "SessionDescription",
    "Side",
    "SipError",
    "Stack",
    "StackSettings",
    "StackSnapshot",
    "StackStatistics",
    "Subscription",
    "Supplement",
    "TerminationReason",
    "TimerSettings",
    "TlsSettings",
    "Tokens",
    "TransportFailed",
    "TransportLimits",
    "Uri",
    "UserAgent",
    "UserOptionsService",
    "Via",
    "Work",
    "WorkDeadlock",
    "create_answer",
    "create_response",
    "current_work",
    "open_sqlite_location",
    "open_stack",
    "open_user_agent",
    "parse_message_untrusted",
    "reason_phrase",
]

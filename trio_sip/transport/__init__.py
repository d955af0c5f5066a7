"""Transports: RFC 3261 section 18, RFC 3581, RFC 5922, RFC 7118.

Sockets, flows, and which way a message goes.
"""

from ._address import Address, Listen
from ._flow import Flow, SignsOfLife
from ._framing import Framing
from ._handshakes import Carrier, Handshakes, Witness
from ._layer import TransportLayer
from ._limits import TransportLimits
from ._network import Connection, ConnectionListener, DatagramSocket, Network, Undelivered
from ._receiver import Receiver
from ._resolver import NaptrRecord, Query, QueryKind, Server, SrvRecord, find_servers
from ._sockets import SocketNetwork
from ._statistics import TransportStatistics
from ._tls import TlsConnection
from ._tls_identity import PeerIdentity
from ._tls_settings import ClientCertificates, TlsSettings, Verify

__all__ = [
    "Address",
    "Carrier",
    "ClientCertificates",
    "Connection",
    "ConnectionListener",
    "DatagramSocket",
    "Flow",
    "Framing",
    "Handshakes",
    "Listen",
    "NaptrRecord",
    "Network",
    "PeerIdentity",
    "Query",
    "QueryKind",
    "Receiver",
    "Server",
    "SignsOfLife",
    "SocketNetwork",
    "SrvRecord",
    "TlsConnection",
    "TlsSettings",
    "TransportLayer",
    "TransportLimits",
    "TransportStatistics",
    "Undelivered",
    "Verify",
    "Witness",
    "find_servers",
]

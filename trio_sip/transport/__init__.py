"""Transports: RFC 3261 section 18, RFC 3581.  Sockets, flows, and which way a message goes."""

from ._address import Address, Listen
from ._flow import Flow, SignsOfLife
from ._layer import TransportLayer
from ._limits import TransportLimits
from ._network import Connection, ConnectionListener, DatagramSocket, Network, Undelivered
from ._receiver import Receiver
from ._resolver import NaptrRecord, Query, QueryKind, Server, SrvRecord, find_servers
from ._sockets import SocketNetwork
from ._statistics import TransportStatistics

__all__ = [
    "Address",
    "Connection",
    "ConnectionListener",
    "DatagramSocket",
    "Flow",
    "Listen",
    "NaptrRecord",
    "Network",
    "Query",
    "QueryKind",
    "Receiver",
    "Server",
    "SignsOfLife",
    "SocketNetwork",
    "SrvRecord",
    "TransportLayer",
    "TransportLimits",
    "TransportStatistics",
    "Undelivered",
    "find_servers",
]

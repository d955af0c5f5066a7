"""What plugs into a stack: who sends, who proves it, and what is done for them.

Services, identifiers and the authenticator are handed to `open_stack`, or registered with the
stack later.  They use nothing but the public stack, so that yours can do the same.
"""

from ._binding_table import Change, LocationStatistics
from ._digest_authenticator import DigestAuthenticator
from ._endpoint_directory import EndpointDirectory
from ._http import HttpService
from ._identify_anonymous import IdentifyAnonymous
from ._identify_by_authorization import IdentifyByAuthorization
from ._identify_by_certificate import IdentifyByCertificate
from ._identify_by_header import IdentifyByHeader
from ._identify_by_ip import IdentifyByIp
from ._identify_by_uri import IdentifyByRequestUri, IdentifyByUser
from ._location import LocationStore, MemoryLocation
from ._maintenance import MaintenanceService
from ._messages import MessageService
from ._options import OptionsService, UserDirectory, UserOptionsService
from ._qualify import ContactStatus, Qualified, QualifyService, Reachability
from ._registrar import Registrar, RegistrarStatistics
from ._secrets import SecretMapping, Secrets, SecretStore
from ._sqlite_location import SqliteLocation, Synchronous, open_sqlite_location

__all__ = [
    "Change",
    "ContactStatus",
    "DigestAuthenticator",
    "EndpointDirectory",
    "HttpService",
    "IdentifyAnonymous",
    "IdentifyByAuthorization",
    "IdentifyByCertificate",
    "IdentifyByHeader",
    "IdentifyByIp",
    "IdentifyByRequestUri",
    "IdentifyByUser",
    "LocationStatistics",
    "LocationStore",
    "MaintenanceService",
    "MemoryLocation",
    "MessageService",
    "OptionsService",
    "Qualified",
    "QualifyService",
    "Reachability",
    "Registrar",
    "RegistrarStatistics",
    "SecretMapping",
    "SecretStore",
    "Secrets",
    "SqliteLocation",
    "Synchronous",
    "UserDirectory",
    "UserOptionsService",
    "open_sqlite_location",
]

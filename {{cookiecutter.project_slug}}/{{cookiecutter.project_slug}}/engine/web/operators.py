"""Who may see errors and the log, which name hosts, files and queries."""

import ipaddress
import re
import secrets

from flask import has_request_context, request, session

from ..settings import Auth
from .middleware import BY_PROXY


def is_operator(auth: Auth) -> bool:
    """Return whether a request has the token, or is from a user in `operators` or this machine.

    A request through a proxy on this machine does not count as local. Neither does one for a host
    name other than localhost: a proxy passes it on, or DNS rebinding points it at this machine.
    """
    if not has_request_context():
        return False
    given, token = request.authorization, auth.token.get_secret_value()
    if token and given is not None and given.type == "bearer":
        return secrets.compare_digest((given.token or "").encode(), token.encode())
    user = session.get("user")
    if isinstance(user, dict) and user.get("email") in auth.operators:
        return True
    host = re.sub(r":\d*$", "", request.host).strip("[]")
    local = _is_local(request.remote_addr or "") and (host == "localhost" or _is_local(host))
    return local and not request.environ.get(BY_PROXY)


def _is_local(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:  # a name, or a Unix socket, which proxies use
        return False

"""Who may see what goes wrong: errors and the log name hosts, files and queries."""

import ipaddress
import re
import secrets

from flask import request, session

from ..settings import Auth
from .middleware import BY_PROXY


def is_operator(auth: Auth) -> bool:
    """Whether a request has the token, is of a user in `operators`, or comes from this machine.

    One that a proxy on this machine has sent on comes from elsewhere. So does one for the name of
    a host, which a proxy passes on, or a page of another site has pointed at this machine.
    """
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
    except ValueError:  # a name, or that of a Unix socket, which a proxy uses
        return False

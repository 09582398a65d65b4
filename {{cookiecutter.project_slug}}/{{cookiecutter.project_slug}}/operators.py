"""Who may see what goes wrong: errors and the log name hosts, files and queries."""

import ipaddress
import secrets

from flask import request, session

from .front import BY_PROXY
from .setting import Auth


def is_operator(auth: Auth) -> bool:
    """Whether a request has the token, is of a user in `operators`, or comes from this machine.

    One that a proxy on this machine has sent on comes from elsewhere.
    """
    given, token = request.authorization, auth.token.get_secret_value()
    if token and given is not None and given.type == "bearer":
        return secrets.compare_digest((given.token or "").encode(), token.encode())
    user = session.get("user")
    if isinstance(user, dict) and user.get("email") in auth.operators:
        return True
    try:
        local = ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:  # a Unix socket, which a proxy uses
        return False
    return local and not request.environ.get(BY_PROXY)

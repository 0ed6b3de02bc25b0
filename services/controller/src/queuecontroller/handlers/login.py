"""How the Kubernetes API is reached: by the pod's service account, or by the kubeconfig of a developer."""

from __future__ import annotations

import kopf

from queuecontroller.cluster.client import Access
from queuecore.errors import ConfigError


def find_access() -> Access:
    """How to reach the Kubernetes API.

    Raises:
        ConfigError: there is neither a service account nor a kubeconfig.
    """
    info = log_in()
    return Access(info.server, info.as_http_headers(), info.as_ssl_context())


def find_namespace() -> str:
    """The namespace that the service account or the kubeconfig names, or ``default``."""
    return log_in().default_namespace or "default"


def log_in() -> kopf.ConnectionInfo:
    """The credentials as kopf takes them, read anew each time: tokens of service accounts expire.

    Raises:
        ConfigError: there is neither a service account nor a kubeconfig.
    """
    settings = kopf.OperatorSettings()
    info = kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(settings=settings)
    if info is None:
        raise ConfigError("there is neither a service account in this pod nor a kubeconfig (KUBECONFIG)")
    return info

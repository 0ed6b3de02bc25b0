"""Login to the Kubernetes API: the pod's service account, or a kubeconfig on a laptop."""

from __future__ import annotations

import kopf

from queuecontroller.cluster.client import Access
from queuecore.errors import ConfigError


def find_access() -> Access:
    """Address and credentials of the Kubernetes API.

    Raises:
        ConfigError: there is neither a service account nor a kubeconfig.
    """
    info = log_in()
    return Access(info.server, info.as_http_headers(), info.as_ssl_context())


def find_namespace() -> str:
    """The namespace of the service account or the kubeconfig, else ``default``."""
    return log_in().default_namespace or "default"


def log_in() -> kopf.ConnectionInfo:
    """Credentials in kopf's form. Each call reads them again, because service account tokens expire.

    Raises:
        ConfigError: there is neither a service account nor a kubeconfig.
    """
    settings = kopf.OperatorSettings()
    info = kopf.login_with_service_account(settings=settings) or kopf.login_with_kubeconfig(settings=settings)
    if info is None:
        raise ConfigError("there is neither a service account in this pod nor a kubeconfig (KUBECONFIG)")
    return info

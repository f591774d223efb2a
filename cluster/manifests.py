"""What the Kubernetes objects of clusters and of the tracking server share.

Pods keep to the profile that Kubernetes calls restricted, so that namespaces which enforce it take
them.
"""

from __future__ import annotations

from typing import Any

Manifest = dict[str, Any]

IMAGE_USER = 1000
"""The user of the image that the Dockerfile makes."""

UNPRIVILEGED: Manifest = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}
"""The security context of a container."""


def run_as(user: int) -> Manifest:
    """Return the security context of a pod whose volumes belong to the user it runs as."""
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "fsGroup": user,
        "seccompProfile": {"type": "RuntimeDefault"},
    }

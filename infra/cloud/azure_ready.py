"""Import this once in a process that forks emulated Azures: clients loaded, Azurite installed.

Limit: starts nothing. Raises azure_engine.Lacking where node or npm is missing.
"""

from __future__ import annotations

import azure.storage.blob  # noqa: F401

import infra.cloud.azure
import infra.cloud.azure_forwarder
import infra.cloud.server  # noqa: F401
from infra.cloud.azure_engine import installed

FOLDER = installed()

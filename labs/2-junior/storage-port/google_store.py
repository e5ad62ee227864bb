"""The port over Google Cloud Storage. Part C: yours, over whatever client you choose."""

from __future__ import annotations

# TODO: GoogleStore(site["google"]), with every method of port.Store
raise NotImplementedError

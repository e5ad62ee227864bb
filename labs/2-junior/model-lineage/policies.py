"""Who may fetch a model, and what may happen to the ledger: documents, made from site.json."""

from __future__ import annotations

from typing import Any

Site = dict[str, Any]
Document = dict[str, Any]


def document(*statements: Document) -> Document:
    """Return a policy."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def serving(site: Site) -> Document:
    """Return the serving role's policy: it fetches approved artefacts, and does nothing else."""
    # TODO: one statement; the object itself says whether it is approved
    raise NotImplementedError


def ledger(site: Site) -> Document:
    """Return the policy of the ledger's bucket: entries are added, none is changed or removed."""
    # TODO: no write without If-None-Match, and nothing that deletes now or later
    raise NotImplementedError

"""Larkmoor, a parcel carrier that also carries prescriptions: the world all labs draw from.

Nobody in it exists. Tables are pure functions of a seed; numpy and pandas are all it needs.
"""

from .draw import digest, stream
from .exports import Export, export
from .freight import AFTERWARDS, KNOWN, due, parcels
from .people import customers, prescriptions
from .places import DEPOTS, KINDS, REGIONS, depots, masks, routes
from .scanning import EVENTS, scans
from .skies import weather
from .truth import CAUSES, MEASURES, causes, lateness
from .world import World, world

__all__ = [
    "AFTERWARDS",
    "CAUSES",
    "DEPOTS",
    "EVENTS",
    "KINDS",
    "KNOWN",
    "MEASURES",
    "REGIONS",
    "Export",
    "World",
    "causes",
    "customers",
    "depots",
    "digest",
    "due",
    "export",
    "lateness",
    "masks",
    "parcels",
    "prescriptions",
    "routes",
    "scans",
    "stream",
    "weather",
    "world",
]

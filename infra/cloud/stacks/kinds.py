"""Resource types: how each is made, read, changed and deleted by calls of its service.

A `Kind` never decides when: `deploy`, `changes` and `drift` do. Limit: the properties listed; a
template that names another is refused with its name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from infra.cloud.dispatch import ACCOUNT
from infra.cloud.stacks.template import invalid, references

Props = dict[str, Any]
Clients = Callable[[str], Any]  # a service's name -> a client with the deployer's rights
NEVER, ALWAYS, MAYBE = "Never", "Always", "Conditionally"


class Already(Exception):
    """Something of that name is there already."""


@dataclass(frozen=True)
class Kind:
    """One type. Functions take clients first; ids are physical ids.

    `properties`: name -> whether a change of it needs a new resource; `finish`: what is left to
    do once it is there and has its id; `naming`: the property that names it, "" when the service
    does; `identifier`: what an import names it by; `ref`: what Ref gives for an id; `told`: a
    template's properties as the service tells them.
    """

    type: str
    properties: Mapping[str, str]
    create: Callable[[Clients, Props], str]
    read: Callable[[Clients, str], Props | None]
    update: Callable[[Clients, str, Props, Props], None]
    delete: Callable[[Clients, str, Props], None]
    naming: str = ""
    identifier: str = ""
    longest: int = 63
    lower: bool = False
    required: tuple[str, ...] = ()
    finish: Callable[[Clients, str, Props], None] | None = None
    ref: Callable[[str], str] = str
    told: Callable[[Props], Props] = dict
    suffix: Callable[[Props], str] = field(default=lambda props: "")
    attributes: Mapping[str, Callable[[Clients, str, Props, str], str]] = field(
        default_factory=dict
    )

    def recreates(self, name: str, old: Any, new: Any) -> str:
        """Return whether changing a property needs a new resource; MAYBE: its name counts."""
        need = self.properties.get(name, NEVER)
        if need == MAYBE and isinstance(old, dict) and isinstance(new, dict):
            return ALWAYS if old.get("Name") != new.get("Name") else NEVER
        return need

    def attribute(self, clients: Clients, name: str, id_: str, props: Props, region: str) -> str:
        """Return what Fn::GetAtt gives. ValidationError: it has no such attribute."""
        self.must_have(name)
        return self.attributes[name](clients, id_, props, region)

    def must_have(self, attribute: str, resource: str = "") -> None:
        """Refuse an attribute that Fn::GetAtt cannot give."""
        if attribute not in self.attributes:
            raise invalid(f"Template error: resource {resource or self.type} does not support "
                          f"attribute type {attribute} in Fn::GetAtt")


def listed(
    *never: str, always: tuple[str, ...] = (), maybe: tuple[str, ...] = ()
) -> dict[str, str]:
    """Return properties with what a change of them needs."""
    needs = ((never, NEVER), (always, ALWAYS), (maybe, MAYBE))
    return {name: need for names, need in needs for name in names}


def arn(service: str, tail: str) -> Callable[[Clients, str, Props, str], str]:
    """Return an attribute: an ARN in the stack's region; {id} in `tail` is the physical id."""
    def made(_: Clients, id_: str, __: Props, region: str) -> str:
        return f"arn:aws:{service}:{region}:{ACCOUNT}:{tail.format(id=id_)}"

    return made


def itself(_: Clients, id_: str, __: Props, ___: str) -> str:
    """Return an attribute that is the physical id."""
    return id_


def tags(found: Any) -> list[dict[str, str]]:
    """Return tags as CloudFormation writes them, whatever a service calls them."""
    pairs = found.items() if isinstance(found, dict) else (
        (t.get("Key", t.get("TagKey")), t.get("Value", t.get("TagValue"))) for t in found or ()
    )
    return [{"Key": k, "Value": v} for k, v in sorted(pairs) if not k.startswith("aws:")]


def mapping(found: Any) -> dict[str, str]:
    """Return a template's tags as a mapping."""
    return {str(tag["Key"]): str(tag["Value"]) for tag in found or ()}


def changed_tags(old: Props, new: Props) -> tuple[list[str], dict[str, str]]:
    """Return which tags to take off, and which to put on."""
    before, after = mapping(old.get("Tags")), mapping(new.get("Tags"))
    return sorted(set(before) - set(after)), {} if before == after else after


def some(props: Mapping[str, Any], *names: str) -> Props:
    """Return those of the named properties that are given."""
    return {name: props[name] for name in names if props.get(name) is not None}


def ask(client: Any, operation: str, **given: Any) -> Any:
    """Call a service, with numbers and booleans that a template wrote as text set right."""
    model = client.meta.service_model
    shape = model.operation_model(client.meta.method_to_api_mapping[operation]).input_shape
    return getattr(client, operation)(**_shaped(shape, given))


def _shaped(shape: Any, value: Any) -> Any:
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict):
        known = shape.members
        return {k: _shaped(known[k], v) if k in known else v for k, v in value.items()}
    if kind == "list" and isinstance(value, list):
        return [_shaped(shape.member, one) for one in value]
    if kind == "map" and isinstance(value, dict):
        return {k: _shaped(shape.value, v) for k, v in value.items()}
    return _scalar(kind, value)


def _scalar(kind: str, value: Any) -> Any:
    if kind == "string" and isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, str) and kind == "boolean":
        return {"true": True, "false": False}.get(value.lower(), value)
    try:
        if isinstance(value, str) and kind in {"integer", "long"}:
            return int(value)
        return float(value) if isinstance(value, str) and kind in {"float", "double"} else value
    except ValueError:  # the SDK refuses it in its own words
        return value


def known_or_none(read: Callable[[], Any]) -> Any:
    """Return what a call gives; None when there is no such thing."""
    try:
        return read()
    except ClientError as error:
        if gone(error):
            return None
        raise


def gone(error: Exception) -> bool:
    """Whether a client's error says that there is no such thing."""
    code = str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
    return code.startswith(("NoSuch", "NotFound", "404", "ResourceNotFound")) or code.endswith(
        ("NotFound", "NotFoundException", "NonExistentQueue", "NotFoundError", "DoesNotExist")
    )


def known() -> dict[str, Kind]:
    """Return every type, by name."""
    from infra.cloud.stacks import (
        buckets,
        catalog,
        flows,
        keys,
        lambdas,
        messages,
        rights,
        settings,
        stores,
        watches,
    )

    modules = (buckets, stores, catalog, keys, rights, messages, watches, settings, lambdas, flows)
    return {one.type: one for module in modules for one in module.KINDS}


def check(parsed: Mapping[str, Any]) -> None:
    """Refuse types that are not modelled, as CloudFormation refuses unknown ones, and GetAtts."""
    kinds, resources = known(), parsed["Resources"]
    odd = sorted({part["Type"] for part in resources.values()} - set(kinds))
    if odd:
        raise invalid(
            f"Template format error: Unrecognized resource types: [{', '.join(odd)}] "
            f"(this cloud models {', '.join(sorted(kinds))})"
        )
    for section in ("Resources", "Outputs"):
        for name, attribute in references(parsed.get(section) or {}):
            if attribute and name in resources:
                kinds[resources[name]["Type"]].must_have(attribute, name)

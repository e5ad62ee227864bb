"""Templates: read from JSON or YAML, their form checked, their resources put in order.

What is wrong is a ValidationError as CloudFormation words it, where its words are known. Limit: no
transforms, macros, rules or dynamic references: a template that has some is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra.cloud.errors import AwsError

FUNCTIONS = {
    "GetAtt", "Sub", "If", "ImportValue", "Join", "Select", "Split", "FindInMap", "Base64",
    "Equals", "Not", "And", "Or", "GetAZs",
}
PSEUDO = {
    "AWS::AccountId", "AWS::Region", "AWS::StackId", "AWS::StackName", "AWS::Partition",
    "AWS::URLSuffix", "AWS::NoValue",
}
_SECTIONS = {
    "AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Mappings", "Conditions",
    "Resources", "Outputs",
}
_BEYOND = {"Transform": "transforms or macros", "Rules": "rules", "Hooks": "hooks"}
_ATTRIBUTES = {
    "Type", "Properties", "DependsOn", "Condition", "DeletionPolicy", "UpdateReplacePolicy",
    "Metadata", "CreationPolicy", "UpdatePolicy",
}
_POLICIES = {
    "DeletionPolicy": ("Delete", "Retain", "RetainExceptOnCreate"),
    "UpdateReplacePolicy": ("Delete", "Retain"),
}
_MOST = {"Resources": 500, "Parameters": 200, "Outputs": 200, "Mappings": 200}
_DEEPEST = 100
SUBSTITUTED = re.compile(r"\$\{(!?)([^}]*)\}")


def invalid(message: str) -> AwsError:
    """Return CloudFormation's error for anything wrong with a request."""
    return AwsError("ValidationError", message)


def malformed(message: str) -> AwsError:
    """Return the error for a template that is none."""
    return invalid(f"Template format error: {message}")


def parse(text: str) -> dict[str, Any]:
    """Return a template. AwsError tells what is wrong with its form."""
    try:
        found = json.loads(text) if text.lstrip().startswith("{") else _yaml(text)
        _check(found)
    except ValueError as error:
        raise malformed(str(error)) from None
    except RecursionError:
        raise malformed("it is nested too deeply") from None
    template: dict[str, Any] = found
    return template


# --- YAML ---------------------------------------------------------------------------------------

def _yaml(text: str) -> Any:
    import yaml

    try:
        return yaml.load(text, _loader())
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise ValueError(f"YAML not well-formed.{where}") from None


def _loader() -> Any:
    """Return a reader of YAML with the short forms of functions; dates stay text."""
    import yaml

    class Loader(yaml.SafeLoader):  # type: ignore[misc]
        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise invalid("Template error: YAML aliases are not allowed in CloudFormation "
                              "templates")
            if self.depth > _DEEPEST:
                raise RecursionError
            self.depth += 1
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

    Loader.yaml_implicit_resolvers = {
        letter: [(tag, form) for tag, form in found if tag != "tag:yaml.org,2002:timestamp"]
        for letter, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    Loader.add_multi_constructor("!", _short)
    return Loader


def _short(loader: Any, tag: str, node: Any) -> dict[str, Any]:
    """Return the long form of !Ref and its kin."""
    kind = type(node).__name__
    if kind == "SequenceNode":
        value = loader.construct_sequence(node, deep=True)
    elif kind == "MappingNode":
        value = loader.construct_mapping(node, deep=True)
    else:
        value = node.value.split(".", 1) if tag == "GetAtt" else node.value
    return {tag if tag in {"Ref", "Condition"} else f"Fn::{tag}": value}


# --- the form -----------------------------------------------------------------------------------

def _check(found: Any) -> None:
    if not isinstance(found, dict):
        raise malformed("unsupported structure.")
    if _deeper(found, _DEEPEST):
        raise RecursionError
    if not isinstance(found.get("Resources"), dict) or not found["Resources"]:
        raise malformed("At least one Resources member must be defined.")
    _check_sections(found)
    for name, resource in found["Resources"].items():
        _check_resource(name, resource)
    for name, one in (found.get("Parameters") or {}).items():
        _check_part("Parameter", name, one, "Type")
    for name, one in (found.get("Outputs") or {}).items():
        _check_part("Output", name, one, "Value")
    _check_references(found)


def _deeper(node: Any, levels: int) -> bool:
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return levels < 0 or any(_deeper(one, levels - 1) for one in inner)


def _check_sections(found: Mapping[str, Any]) -> None:
    for section in found:
        if section in _BEYOND:
            raise invalid(f"This cloud's CloudFormation knows no {_BEYOND[section]}: take "
                          f"{section} out of the template")
    odd = sorted(set(map(str, found)) - _SECTIONS)
    if odd:
        raise invalid(f"Invalid template property or properties [{', '.join(odd)}]")
    if str(found.get("AWSTemplateFormatVersion", "2010-09-09")) != "2010-09-09":
        raise malformed("unsupported value for AWSTemplateFormatVersion.")
    for section in ("Parameters", "Mappings", "Conditions", "Outputs"):
        if not isinstance(found.get(section) or {}, dict):
            raise malformed(f"[/{section}] must be an object.")
    for section, most in _MOST.items():
        count = len(found.get(section) or {})
        if count > most:
            raise malformed(f"Number of {section.lower()}, {count}, is greater than maximum "
                            f"allowed, {most}")


def _check_part(what: str, name: Any, one: Any, needed: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9]+", str(name)):
        raise malformed(f"{what} name {name} is non alphanumeric.")
    if not isinstance(one, dict) or needed not in one:
        kind = "object must contain a Type member." if what == "Parameter" else (
            "member must contain a Value object"
        )
        raise malformed(f"Every {what}s {kind}")


def _check_resource(name: Any, resource: Any) -> None:
    if not re.fullmatch(r"[A-Za-z0-9]+", str(name)):
        raise malformed(f"Resource name {name} is non alphanumeric.")
    if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
        raise malformed(f"[/Resources/{name}] Every Resources object must contain a Type member.")
    odd = sorted(set(map(str, resource)) - _ATTRIBUTES)
    if odd:
        raise invalid(f"Invalid template resource property '{odd[0]}'")
    if not isinstance(resource.get("Properties") or {}, dict):
        raise malformed(f"[/Resources/{name}/Properties] must be an object.")
    for attribute, known in _POLICIES.items():
        given = resource.get(attribute, "Delete")
        if given not in known:
            raise invalid(f"Template error: resource {name} of type {resource['Type']} does not "
                          f"support {attribute} {given}; there are {', '.join(known)}")


def _check_references(template: Mapping[str, Any]) -> None:
    resources = template["Resources"]
    known = {*resources, *(template.get("Parameters") or {}), *PSEUDO}
    for section in ("Resources", "Outputs"):
        used = {name for name, _ in references(template.get(section) or {})}
        if section == "Resources":
            used |= {name for one in resources.values() for name in _named(one)}
        missing = sorted(used - known)
        if missing:
            raise malformed(f"Unresolved resource dependencies [{', '.join(missing)}] in the "
                            f"{section} block of the template")
        _check_conditions(template, section)
    for node in _dicts(template):
        odd = [key for key in node if str(key).startswith("Fn::") and key[4:] not in FUNCTIONS]
        if odd:
            raise invalid(f"Template error: this cloud's CloudFormation knows no {odd[0]}; it "
                          f"knows {', '.join(f'Fn::{one}' for one in sorted(FUNCTIONS))} and Ref")
    if "{{resolve:" in json.dumps(resources, default=str):
        raise invalid("Template error: this cloud's CloudFormation resolves no dynamic references "
                      "({{resolve:...}}); pass a parameter with NoEcho")


def _check_conditions(template: Mapping[str, Any], section: str) -> None:
    conditions = template.get("Conditions") or {}
    for one in (template.get(section) or {}).values():
        if "Condition" in one and one["Condition"] not in conditions:
            raise malformed(f"Unresolved condition dependency {one['Condition']} in the {section} "
                            "block of the template")


def _dicts(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, list):
        for one in node:
            yield from _dicts(one)
    elif isinstance(node, dict):
        yield node
        for one in node.values():
            yield from _dicts(one)


# --- what refers to what ------------------------------------------------------------------------

def references(node: Any) -> Iterator[tuple[str, str]]:
    """Yield (name, attribute) of whatever a piece of a template refers to; "" for Ref."""
    if isinstance(node, list):
        for one in node:
            yield from references(one)
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        if key == "Ref" and isinstance(value, str):
            yield value, ""
        elif key == "Fn::GetAtt":
            yield attribute(value)
        elif key == "Fn::Sub":
            yield from _substituted(value)
        else:
            yield from references(value)


def attribute(value: Any) -> tuple[str, str]:
    """Return name and attribute of an Fn::GetAtt."""
    parts = value.split(".", 1) if isinstance(value, str) else value
    if not isinstance(parts, list) or len(parts) != 2 or not all(
        isinstance(part, str) and part for part in parts
    ):
        raise invalid("Template error: every Fn::GetAtt object requires two non-empty parameters, "
                      "the resource name and the resource attribute")
    return parts[0], parts[1]


def _substituted(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, list) and (len(value) != 2 or not isinstance(value[1], dict)):
        raise invalid("Template error: One or more Fn::Sub intrinsic functions don't specify "
                      "expected arguments. Specify a string as first argument, and an optional "
                      "second argument to specify a mapping of values to replace in the string")
    text, own = (value[0], value[1]) if isinstance(value, list) else (value, {})
    yield from references(own)
    for plain, name in SUBSTITUTED.findall(str(text)):
        if not plain and name.strip() not in own:
            head, _, rest = name.strip().partition(".")
            yield head, rest


def order(resources: Mapping[str, Any]) -> list[str]:
    """Return names such that each comes after what it refers to."""
    done: dict[str, None] = {}
    doing: list[str] = []

    def visit(name: str) -> None:
        if name in done:
            return
        if name in doing:
            raise invalid("Circular dependency between resources: "
                          f"[{', '.join(sorted(doing[doing.index(name):]))}]")
        doing.append(name)
        for other in sorted(dependencies(resources[name]) & set(resources)):
            visit(other)
        doing.remove(name)
        done[name] = None

    for name in resources:
        visit(name)
    return list(done)


def dependencies(resource: Mapping[str, Any]) -> set[str]:
    """Return what a resource refers to or says it depends on."""
    return {name for name, _ in references(resource.get("Properties") or {})} | _named(resource)


def _named(resource: Mapping[str, Any]) -> set[str]:
    named = resource.get("DependsOn") or []
    return {named} if isinstance(named, str) else set(map(str, named))

"""The functions of a template: Ref, Fn::GetAtt, Fn::Sub and their kin, and its conditions.

Limit: `template.FUNCTIONS` and Ref; what a resource is, `find` knows.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.cloud.dispatch import ACCOUNT
from infra.cloud.stacks.template import SUBSTITUTED, attribute, invalid

NOTHING = object()  # AWS::NoValue: the property is left out
_NAME = re.compile(r"[A-Za-z0-9_.:]+")


def text(value: Any) -> str:
    """Return a scalar as JSON would write it inside quotes: true, 3, 0.5."""
    return value if isinstance(value, str) else json.dumps(value)


@dataclass
class Resolver:
    """Resolves the functions of one template. `find(name, attribute)` knows resources.

    `imported` has the names of all exports that were asked for.
    """

    template: Mapping[str, Any]
    params: Mapping[str, Any]
    pseudo: Mapping[str, str]
    find: Callable[[str, str], Any]
    exports: Mapping[str, str] = field(default_factory=dict)
    imported: set[str] = field(default_factory=set)
    asking: list[str] = field(default_factory=list)
    answers: dict[str, bool] = field(default_factory=dict)

    def value(self, node: Any) -> Any:
        """Return a piece of the template with every function resolved."""
        if isinstance(node, list):
            return [v for v in map(self.value, node) if v is not NOTHING]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            name, inner = next(iter(node.items()))
            if name == "Ref":
                return self.ref(str(inner))
            if name == "Condition" and isinstance(inner, str) and self.asking:
                return self.condition(inner)
            if str(name).startswith("Fn::"):
                return self._function(name[4:], inner)
        found = {key: self.value(inner) for key, inner in node.items()}
        return {key: inner for key, inner in found.items() if inner is not NOTHING}

    def ref(self, name: str) -> Any:
        """Return what Ref gives for a parameter, a pseudo parameter or a resource."""
        if name == "AWS::NoValue":
            return NOTHING
        if name in self.pseudo:
            return self.pseudo[name]
        return self.params[name] if name in self.params else self.find(name, "")

    def condition(self, name: str) -> bool:
        """Return whether a condition holds."""
        conditions = self.template.get("Conditions") or {}
        if name not in conditions:
            raise invalid(f"Template format error: Unresolved condition dependency {name}")
        if name in self.asking:
            raise invalid(f"Circular dependency between conditions: [{', '.join(self.asking)}]")
        if name not in self.answers:  # asked once: conditions that ask in pairs would double
            self.asking.append(name)
            try:
                self.answers[name] = bool(self.value(conditions[name]))
            finally:
                self.asking.pop()
        return self.answers[name]

    def holds(self, part: Mapping[str, Any]) -> bool:
        """Whether a resource or an output is there at all."""
        return "Condition" not in part or self.condition(str(part["Condition"]))

    def _function(self, name: str, inner: Any) -> Any:
        try:
            return self._called(name, inner)
        except (IndexError, KeyError, TypeError, ValueError, AttributeError):
            raise invalid(f"Template error: Fn::{name} cannot be given "
                          f"{json.dumps(inner, default=str)[:200]}") from None

    def _called(self, name: str, inner: Any) -> Any:
        if name == "GetAtt":
            return self.find(*attribute(inner))
        if name == "Sub":
            return self._sub(inner)
        if name == "If":
            condition, yes, no = inner
            return self.value(yes if self.condition(str(condition)) else no)
        resolved = self.value(inner)
        return self._import(resolved) if name == "ImportValue" else _FUNCTIONS[name](self, resolved)

    def _import(self, name: Any) -> str:
        if name not in self.exports:
            raise invalid(f"No export named {name} found.")
        self.imported.add(name)
        return self.exports[name]

    def _sub(self, inner: Any) -> str:
        whole, own = (inner[0], self.value(inner[1])) if isinstance(inner, list) else (inner, {})

        def replaced(match: re.Match[str]) -> str:
            name = match[2].strip()
            if match[1]:
                return f"${{{match[2]}}}"
            if not _NAME.fullmatch(name):
                raise invalid("Template error: variable names in Fn::Sub syntax must contain only "
                              "alphanumeric characters, underscores, periods, and colons")
            if name in own:
                return text(own[name])
            head, _, rest = name.partition(".")
            return text(self.find(head, rest) if rest else self.ref(head))

        return SUBSTITUTED.sub(replaced, str(whole))

    def lookup(self, path: Sequence[Any]) -> Any:
        """Return what Fn::FindInMap gives."""
        found: Any = self.template.get("Mappings") or {}
        for key in path[:3]:
            if not isinstance(found, dict) or text(key) not in found:
                raise invalid("Template error: Unable to get mapping for "
                              f"{'::'.join(map(text, path))}")
            found = found[text(key)]
        return found


def _select(_: Resolver, given: Any) -> Any:
    index, items = int(given[0]), list(given[1])
    if not 0 <= index < len(items):
        raise invalid("Template error: Fn::Select cannot select nonexistent value at index "
                      f"{index}")
    return items[index]


def _join(_: Resolver, given: Any) -> str:
    between, parts = given
    if not isinstance(parts, list):
        raise TypeError("not a list")
    return str(between).join(map(text, parts))


_FUNCTIONS: dict[str, Callable[[Resolver, Any], Any]] = {
    "Join": _join,
    "Select": _select,
    "Split": lambda _, given: str(given[1]).split(str(given[0])),
    "FindInMap": lambda found, given: found.lookup(given),
    "Base64": lambda _, given: base64.b64encode(text(given).encode()).decode(),
    "Equals": lambda _, given: text(given[0]) == text(given[1]),
    "Not": lambda _, given: not given[0],
    "And": lambda _, given: all(given),
    "Or": lambda _, given: any(given),
    "GetAZs": lambda found, given: [f"{given or found.pseudo['AWS::Region']}{z}" for z in "abc"],
}


def pseudo(region: str, stack_id: str, name: str) -> dict[str, str]:
    """Return the pseudo parameters of a stack."""
    return {
        "AWS::AccountId": ACCOUNT, "AWS::Region": region, "AWS::StackId": stack_id,
        "AWS::StackName": name, "AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com",
    }

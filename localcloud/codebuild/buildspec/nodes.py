"""Reading YAML with line numbers: every complaint says where."""

from __future__ import annotations

from collections.abc import Collection

import yaml

from localcloud.codebuild.failures import yaml_error

TRUE = ("yes", "true", "on", "y")
FALSE = ("no", "false", "off", "n")


def line(node: yaml.Node) -> int:
    """The line of ``node``, counted from 1."""
    return int(node.start_mark.line) + 1


def parse(text: str) -> yaml.Node:
    """The root of a YAML document; raises YAML_FILE_ERROR for anything else."""
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        where = f" at line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise yaml_error(f"{error.problem or error}{where}") from error
    except yaml.YAMLError as error:
        raise yaml_error(str(error)) from error
    if root is None:
        raise yaml_error("YAML file is empty")
    return root


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == "tag:yaml.org,2002:null")


def mapping(node: yaml.Node, what: str, allowed: Collection[str] | None = None) -> dict[str, yaml.Node]:
    """The values of a mapping by key; keys outside ``allowed`` and keys given twice are refused.

    Parameters
    ----------
    node : yaml.Node
    what : str
        Its name in messages.
    allowed : collection of str, optional
        The known keys; without it any key is taken.

    Raises
    ------
    PhaseFailed
        YAML_FILE_ERROR, with the line.
    """
    if not isinstance(node, yaml.MappingNode):
        raise yaml_error(f"Expected {what} to be a mapping at line {line(node)}")
    found: dict[str, yaml.Node] = {}
    for key_node, value in node.value:
        key = scalar(key_node, f"a key of {what}")
        if key in found:
            raise yaml_error(f'mapping key "{key}" already defined at line {line(found[key])}')
        if allowed is not None and key not in allowed:
            known = ", ".join(sorted(allowed))
            raise yaml_error(f"Unknown key '{key}' in {what} at line {line(key_node)}. Expecting: {known}")
        found[key] = value
    return found


def scalar(node: yaml.Node, what: str) -> str:
    """The text of a scalar, as it is written (``yes``, ``1.10``); raises YAML_FILE_ERROR for another node."""
    if isinstance(node, yaml.ScalarNode) and not _is_null(node):
        return str(node.value)
    found = "an empty value" if isinstance(node, yaml.ScalarNode) else "subkeys"
    number = line(node)
    raise yaml_error(
        f"Expected {what} to be of string type: found {found} instead at line {number}, "
        f"value of the key tag on line {max(1, number - 1)} might be empty"
    )


def strings(node: yaml.Node, what: str, *, one_is_enough: bool = False) -> tuple[str, ...]:
    """A sequence of scalars.

    Parameters
    ----------
    node : yaml.Node
    what : str
        Its name in messages.
    one_is_enough : bool
        A single scalar stands for a sequence of one.

    Raises
    ------
    PhaseFailed
        YAML_FILE_ERROR, with the line.
    """
    if one_is_enough and isinstance(node, yaml.ScalarNode) and not _is_null(node):
        return (scalar(node, what),)
    if not isinstance(node, yaml.SequenceNode):
        raise yaml_error(f"Expected {what} to be a sequence at line {line(node)}")
    return tuple(scalar(item, f"{what}[{number}]") for number, item in enumerate(node.value))


def string_map(node: yaml.Node, what: str) -> dict[str, str]:
    """A mapping of scalars. An empty value (``KEY:``) is an empty string."""
    return {
        key: "" if _is_null(value) else scalar(value, f"{what}[{key}]") for key, value in mapping(node, what).items()
    }


def boolean(node: yaml.Node, what: str) -> bool:
    """``yes`` or ``no``, in each of their spellings; raises YAML_FILE_ERROR for another text."""
    text = scalar(node, what).lower()
    if text not in TRUE + FALSE:
        raise yaml_error(f"Expected {what} to be yes or no at line {line(node)}, not '{text}'")
    return text in TRUE

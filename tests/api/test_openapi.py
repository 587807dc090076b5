"""The OpenAPI document is one: its shape, its schemas, its references; and good requests fit it."""

import jsonschema
import pytest

from document import PARAMS, REPLY
from good import GOOD
from openapi_rules import DOCUMENT


def walk(node, path="#"):
    yield path, node
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in children:
        yield from walk(child, f"{path}/{key}")


def test_shape(openapi):
    errors = sorted(jsonschema.Draft202012Validator(DOCUMENT).iter_errors(openapi), key=lambda e: list(e.path))
    assert not errors, [(list(e.path), e.message[:200]) for e in errors[:5]]


def test_schemas_are_json_schemas(openapi):
    schemas = [node for path, node in walk(openapi) if path.endswith("/schema")]
    for schema in [*schemas, *openapi["components"]["schemas"].values()]:
        jsonschema.Draft202012Validator.check_schema(schema)


def test_required_keys_are_described(openapi):
    for path, node in walk(openapi["components"]["schemas"]):
        if isinstance(node, dict) and "properties" in node and isinstance(node.get("required"), list):
            assert set(node["required"]) <= set(node["properties"]), path


def test_references_lead_somewhere_and_all_is_used(openapi):
    used = set()
    for path, node in walk(openapi):
        if not path.endswith("/$ref"):
            continue
        at = openapi
        for step in node.removeprefix("#/").split("/"):
            at = at[step]
        used.add(node)
    parts = {f"#/components/{kind}/{name}" for kind, things in openapi["components"].items() for name in things}
    assert parts == used


def test_operations_have_names_of_their_own_and_declared_tags(openapi):
    operations = [o for path in openapi["paths"].values() for o in path.values()]
    names = [o["operationId"] for o in operations]
    assert len(set(names)) == len(names)
    assert {t for o in operations for t in o["tags"]} == {t["name"] for t in openapi["tags"]}
    for operation in operations:
        parameters = [(p["name"], p["in"]) for p in operation.get("parameters", [])]
        assert len(set(parameters)) == len(parameters), operation["operationId"]


@pytest.mark.parametrize("endpoint", sorted(PARAMS))
def test_documented_keys_are_always_there(openapi, endpoint):
    schema = openapi["components"]["schemas"][f"{endpoint}_reply"]
    keys = REPLY[endpoint]
    if isinstance(keys, dict):
        (key, inner), = keys.items()
        assert schema["required"] == ["status", key]
        assert sorted(schema["properties"][key]["items"]["required"]) == sorted(inner.split())
    else:
        wanted = set(keys.split() if isinstance(keys, str) else keys)
        assert set(schema["required"]) == {*wanted, "status"}


@pytest.mark.parametrize("endpoint", sorted(PARAMS))
def test_good_requests_fit(openapi, endpoint):
    ids = {"@number": "2062190001"}
    request = {k: "" if isinstance(v, tuple) else ids.get(v, "7") if v.startswith("@") else v
               for k, v in GOOD[endpoint].items()}
    schema = openapi["components"]["schemas"][f"{endpoint}_request"]
    jsonschema.validate({"token": "t", "accountno": "1000001", **request}, schema)

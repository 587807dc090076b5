"""OpenAPI 3.1 as far as our document goes, as a JSON Schema: a key that is not here is a slip (or new here)."""

TEXT = {"type": "string", "minLength": 1}
PLACE = "^#/components/(schemas|responses|headers)/[A-Za-z_-]+$"
REFERENCE = {"type": "object", "required": ["$ref"], "additionalProperties": False,
             "properties": {"$ref": {"type": "string", "pattern": PLACE}}}


def _object(always="", optional="", **inner):
    """An object of these keys and no others; texts where `inner` does not say what."""
    names = (always + " " + optional).split()
    return {"type": "object", "required": always.split(), "additionalProperties": False,
            "properties": {name: inner.get(name, TEXT) for name in names}}


def _map(values, pattern=".", least=1):
    return {"type": "object", "minProperties": least, "patternProperties": {pattern: values},
            "additionalProperties": False}


def _list(of, least=1):
    return {"type": "array", "items": of, "minItems": least, "uniqueItems": True}


SCHEMA = {"type": ["object"]}  # told by the meta-schema of JSON Schema 2020-12
MEDIA = _map(_object("schema", schema={"anyOf": [REFERENCE, SCHEMA]}), pattern="^[a-z]+/[a-z0-9.+-]+$")
HEADER = _object("schema description", schema=SCHEMA)
RESPONSE = {"anyOf": [REFERENCE, _object("description", "headers content", content=MEDIA,
                                         headers=_map({"anyOf": [REFERENCE, HEADER]}))]}
PARAMETER = _object("name in schema", "description required", schema=SCHEMA, required={"const": True},
                    **{"in": {"enum": ["query", "header"]}})
OPERATION = _object("operationId tags summary description responses", "x-scope parameters requestBody",
                    tags=_list(TEXT), parameters=_list(PARAMETER),
                    requestBody=_object("required content", required={"const": True}, content=MEDIA),
                    responses=_map(RESPONSE, pattern="^([1-5][0-9][0-9]|default)$"))
DOCUMENT = _object(
    "openapi info servers tags security paths components",
    openapi={"const": "3.1.0"},
    info=_object("title version description license", license=_object("name identifier")),
    servers=_list(_object("url")), tags=_list(_object("name description")), security={"const": []},
    paths=_map(_object("", "get post", get=OPERATION, post=OPERATION), pattern="^/[A-Za-z_]+$"),
    components=_object("headers responses schemas", headers=_map(HEADER), responses=_map(RESPONSE),
                       schemas=_map(SCHEMA)))

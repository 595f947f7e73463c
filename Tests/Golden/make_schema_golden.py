#!/usr/bin/env python3
"""Schemas for constrained generation, with texts that conform: the schemas are pydantic's and some by hand.

    python3 -m venv /tmp/schemas && /tmp/schemas/bin/pip install pydantic==2.14.4 'jsonschema[format]==4.26.0'
    /tmp/schemas/bin/python Tests/Golden/make_schema_golden.py                  # writes Tests/Golden/schemas.json
    /tmp/schemas/bin/python Tests/Golden/make_schema_golden.py --check FILE     # judges texts that the tests wrote

FILE has lines of JSON, `{"schema": name, "text": …}`; the test that walks at random writes it where BITNET_SAMPLES
says. Python's json and the jsonschema package are the judges, both for it and for the good texts here.
"""

import datetime
import json
import sys
import uuid
from enum import Enum
from pathlib import Path
from typing import Annotated, Dict, List, Literal, Optional, Tuple, Union

from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field

OUTPUT = Path(__file__).resolve().parent / "schemas.json"


class Color(str, Enum):
    red = "red"
    green = "green"
    dark_blue = "dark blue"


class Address(BaseModel):
    """Where somebody lives."""

    street: str
    number: Annotated[int, Field(ge=1, le=9999)]
    zip: Annotated[str, Field(pattern=r"^\d{5}(-\d{4})?$")]
    country: Literal["DE", "FR", "日本"] = "DE"


class Person(BaseModel):
    name: Annotated[str, Field(min_length=1, max_length=20)]
    age: Optional[int] = None
    born: datetime.date
    email: Optional[str] = None
    favourite: Color
    addresses: List[Address] = []
    scores: Dict[str, float] = {}
    active: bool


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: Annotated[int, Field(gt=0, lt=10)]


class Dog(BaseModel):
    kind: Literal["dog"]
    weight: Annotated[float, Field(gt=0.5, le=100)]


class Pets(BaseModel):
    model_config = ConfigDict(extra="forbid")
    pets: Annotated[List[Annotated[Union[Cat, Dog], Field(discriminator="kind")]], Field(min_length=1, max_length=3)]


class Node(BaseModel):
    value: Union[int, str]
    children: List["Node"] = []
    next: Optional["Node"] = None


class Measurement(BaseModel):
    id: uuid.UUID
    at: datetime.datetime
    clock: Optional[datetime.time] = None
    point: Tuple[float, float]
    by_color: Dict[Color, int]
    ratio: Annotated[float, Field(ge=-1, le=1)]
    step: Annotated[int, Field(multiple_of=25, ge=-1000, le=1000)]


def strict(properties, required=None, **more):
    required = list(properties) if required is None else required
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False, **more}


def pydantic_text(model):
    return model.model_dump_json()


ADDRESS = Address(street="Rue de l'Église \"B\"", number=12, zip="75001-1234", country="FR")
PERSON = Person(
    name="Zoë 🙂\n", age=41, born="1984-02-29", favourite="dark blue", addresses=[ADDRESS], scores={"a": 1.5}, active=True
)
MEASUREMENT = Measurement(
    id="12345678-1234-5678-1234-567812345678", at="2026-11-24T15:33:00Z", point=(1.5, -2), by_color={"red": 3},
    ratio=-0.25, step=-75,
)

# name, schema, texts that conform, texts that do not with the first byte (its offset) that must be refused; an offset
# at the end of the text says that the text is the beginning of a conforming one but must not end there.
CASES = [
    ("any object", {"type": "object"},
     ['{}', '{"a": {"b": [1, 2.5e3, null, true, "\\u00e9\\ud83d\\ude42\\/"]}, "": "é🙂"}', '{"a":[],"b":[[{}]]}'],
     [('[', 0), ('{"a":1,"a"', 9), ('{"a":01', 6), ('{"a":"\\ud83dx', 12), ('{"a":"\n', 6), ('{"a":1,}', 7),
      ('{  ', 1), ('{"a":  ', 6), ('{"a":"\\x', 7), ('{"a":nul}', 8), ('{"a":1', 6), ('{}}', 2), ('{"a":+1', 5),
      ('{"a":"\\udc00', 9), ('{"a":1.e', 7)]),
    ("anything", {}, ['null', '-0.5', '"x"', '[[], {}]', 'false', '1e5'], [('}', 0), ('--', 1), ('truth', 3)]),
    ("address", Address.model_json_schema(), [pydantic_text(ADDRESS), '{"street":"","number":9999,"zip":"00000"}'],
     [('{"number"', 2), ('{"street":"","number":0', 22), ('{"street":"","number":10000', 26),
      ('{"street":"","number":1,"zip":"7500"', 35), ('{"street":"","number":1,"zip":"75001","country":"E', 49)]),
    ("person", Person.model_json_schema(), [pydantic_text(PERSON), json.dumps(json.loads(pydantic_text(PERSON)))],
     [('{"name":""', 9), ('{"name":"123456789012345678901', 29), ('{"name":"x","born":"2026-02-29"', 29),
      ('{"name":"x","born":"2026-04-31', 29), ('{"name":"x","active', 14)]),
    ("pets", Pets.model_json_schema(),
     ['{"pets": [{"kind": "cat", "lives": 9}, {"kind": "dog", "weight": 0.51}, {"kind": "dog", "weight": 100.0}]}'],
     [('{"pets":[]', 9), ('{"pets":[{"kind":"cat","weight"', 24), ('{"pets":[{"kind":"cat","lives":0', 31),
      ('{"pets":[{"kind":"cat","lives":10', 32), ('{"pets":[{"kind":"dog","weight":0.5}', 35),
      ('{"pets":[{"kind":"dog","weight":100.1', 36)]),
    ("tree", Node.model_json_schema(),
     [pydantic_text(Node(value=1, children=[Node(value="x"), Node(value=2)], next=Node(value="")))],
     [('{"value":null', 9), ('{"value":1,"children":[1', 23)]),
    ("measurement", Measurement.model_json_schema(), [pydantic_text(MEASUREMENT)],
     [('{"id":"12345678-1234-5678-1234-567812345678","at":"2026-11-24 ', 61)]),
    ("integers", {"type": "array", "items": {"type": "integer", "minimum": -17, "exclusiveMaximum": 230}},
     ['[-17, 229, 0, 3, 17, 99, 100, -9]'], [('[-18', 3), ('[230', 3), ('[1.0', 2), ('[1e', 2), ('[00', 2), ('[-20', 3)]),
    ("decimals", {"type": "array", "items": {"type": "number", "exclusiveMinimum": -1.25, "maximum": 10.5}},
     ['[-1.24, 10.5, 10.500, 0.0, -0, 9.99, -1.2499]'],
     [('[-1.25]', 5), ('[10.51', 5), ('[-1.3', 4), ('[11', 2), ('[1e', 2), ('[-2', 2)]),
    ("multiples", {"type": "array", "items": {"type": "integer", "multipleOf": 7, "minimum": 0}},
     ['[0, 7, 14, 700, 7777777]'], [('[8]', 2), ('[-7', 2)]),
    ("nullable union", strict({"a": {"type": ["string", "null"], "maxLength": 2}, "b": {"type": "boolean", "nullable": True}}),
     ['{"a": null, "b": null}', '{"a": "xé", "b": true}', '{"a":"\\u0041\\ud83d\\ude00","b":false}'],
     [('{"a":"xyz', 8), ('{"b"', 2), ('{"a":1', 5)]),
    ("enums", {"enum": ["a", 1, 1.5, None, True, {"k": [1, "ü"]}, "\"quoted\\"]},
     ['"a"', '1', '1.5', 'null', 'true', '{"k":[1, "ü"]}', '{"k": [1,"\\u00fc"]}', '"\\"quoted\\\\"'],
     [('"b', 1), ('2', 0), ('1.6', 2), ('{"k":[2', 6)]),
    ("alternatives", {"anyOf": [strict({"t": {"const": "x"}, "v": {"type": "integer"}}),
                                strict({"t": {"const": "y"}, "v": {"type": "string"}}),
                                {"type": "array", "items": {"type": "null"}}]},
     ['{"t":"x","v":3}', '{"t":"y","v":""}', '[null, null]'], [('{"t":"x","v":"', 13), ('{"t":"y","v":3', 13), ('[1', 1)]),
    ("optional", {"type": "object", "properties": {"a": {}, "b": {}, "c": {}}, "required": ["b"],
                  "additionalProperties": {"type": "integer"}},
     ['{"b":1}', '{"a":1,"b":2,"c":[]}', '{"b":1,"c":2,"d":3}', '{"b":1,"d":3,"e":4}'],
     [('{"c"', 2), ('{"a":1}', 6), ('{"b":1,"a"', 9), ('{"b":1,"d":"', 11), ('{"b":1,"d":1,"c"', 15), ('{"b":1,"d":1,"d"', 15)]),
    ("merged", {"allOf": [{"$ref": "#/$defs/base"}, {"type": "object", "properties": {"y": {"type": "string"}}, "required": ["y"]}],
                "$defs": {"base": {"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}}},
     ['{"x":1,"y":""}', '{"x": 1, "y": "z"}'], [('{"y"', 2), ('{"x":1}', 6)]),
    ("patterns", {"type": "array", "prefixItems": [
        {"type": "string", "pattern": "^[A-Z]{2,3}-[0-9]+$"}, {"type": "string", "pattern": "b+c"},
        {"type": "string", "pattern": "^(?:ja|nein|[^a-z\\s]{2})$"}, {"type": "string", "pattern": "^\\w+$", "maxLength": 4, "minLength": 3}],
        "items": False, "minItems": 4},
     ['["AB-1","xbbcx","ja","abc"]', '["ABC-12", "bc", "ÄÖ", "ab_1"]'.replace("ÄÖ", "AB")],
     [('["A-', 3), ('["AB-1","xbx"', 12), ('["AB-1","bc","j"', 15), ('["AB-1","bc","ja","ab"', 21),
      ('["AB-1","bc","ja","abcde', 23), ('["AB-1","bc","ja","abc",', 23), ('["AB-1"]', 7)]),
    ("formats", strict({"d": {"type": "string", "format": "date-time"}, "i": {"type": "string", "format": "ipv4"},
                        "m": {"type": "string", "format": "email"}, "t": {"type": "string", "format": "time"}}),
     ['{"d":"2024-02-29T23:59:59.5+01:00","i":"192.168.0.255","m":"a.b@c-d.org","t":"00:00:00Z"}'],
     [('{"d":"2023-02-29T', 15), ('{"d":"2024-02-29T24', 18), ('{"d":"2024-02-29T23:59:59Z","i":"256', 35)]),
    ("tuples", {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": {"type": "boolean"},
                "minItems": 1, "maxItems": 4},
     ['[1]', '[1,"a"]', '[1, "a", true, false]'], [('[]', 1), ('["', 1), ('[1,2', 3), ('[1,"a",true,true,', 16)]),
    ("long strings", strict({"s": {"type": "string", "minLength": 3, "maxLength": 40}, "t": {"type": "string", "minLength": 2}}),
     ['{"s":"abc","t":"\\u00e9é"}'], [('{"s":"ab"', 8), ('{"s":"' + "x" * 41, 46)]),
    ("recursion", {"$ref": "#/$defs/list", "$defs": {"list": strict({"head": {"type": "integer"}, "tail": {"anyOf": [
        {"$ref": "#/$defs/list"}, {"type": "null"}]}})}},
     ['{"head":1,"tail":{"head":2,"tail":null}}'], [('{"head":1,"tail":1', 17), ('{"head":1}', 9)]),
]


def validator(schema):
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)


def refuse_duplicates(pairs):
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), f"duplicate keys in {keys}"
    return dict(pairs)


def fault(schema, text):
    """What is wrong with a text, or None."""
    try:
        value = json.loads(text, object_pairs_hook=refuse_duplicates)
    except (ValueError, AssertionError) as error:
        return str(error)
    # OpenAPI's keyword is not in the drafts that jsonschema knows.
    error = next(validator(without_nullable(schema)).iter_errors(value), None)
    return error and error.message


def without_nullable(schema):
    if isinstance(schema, list):
        return [without_nullable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    rest = {key: without_nullable(value) for key, value in schema.items() if key != "nullable"}
    return {"anyOf": [rest, {"type": "null"}]} if schema.get("nullable") is True else rest


def check(path):
    schemas = {name: schema for name, schema, *_ in CASES}
    counts = dict.fromkeys(schemas, 0)
    invalid = 0
    for line in Path(path).read_text(encoding="utf-8").rstrip("\n").split("\n"):
        sample = json.loads(line)
        counts[sample["schema"]] += 1
        if problem := fault(schemas[sample["schema"]], sample["text"]):
            invalid += 1
            print(f"{sample['schema']}: {problem}\n  {sample['text']!r}")
    used = sum(count > 0 for count in counts.values())
    print(f"{sum(counts.values())} texts of {used} schemas, {invalid} invalid")
    sys.exit(1 if invalid else 0)


def main():
    if sys.argv[1:2] == ["--check"]:
        check(sys.argv[2])
    for name, schema, good, bad in CASES:
        for text in good:
            assert not fault(schema, text), (name, text, fault(schema, text))
    cases = [
        {"name": name, "schema": schema, "good": good, "bad": [{"text": text, "at": at} for text, at in bad]}
        for name, schema, good, bad in CASES
    ]
    OUTPUT.write_text(json.dumps(cases, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{len(cases)} schemas in {OUTPUT}")


if __name__ == "__main__":
    main()

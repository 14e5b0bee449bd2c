"""What is said of a field that a model does not know."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chamiperf_ci.adapters.files import first_wrong


class Leaf(BaseModel):
    """A model with two fields."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["leaf"] = "leaf"
    size: int = 1


class Thorn(BaseModel):
    """Another that a leaf may be mistaken for."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["thorn"] = "thorn"


class Tree(BaseModel):
    """Holds models in every way that ours do."""

    model_config = ConfigDict(extra="forbid")

    leaf: Annotated[Leaf | None, Field(description="one")] = None
    leaves: tuple[Leaf, ...] = ()
    named: dict[str, Leaf] = {}
    rows: list[list[Leaf]] = []
    grown: Annotated[Leaf | Thorn, Field(discriminator="kind")] = Leaf()
    anything: Any = None
    planted: Leaf = Field(default=Leaf(), alias="$planted")


def said(**fields):
    with pytest.raises(ValidationError) as refused:
        Tree.model_validate(fields)
    return first_wrong(refused.value, Tree)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"root": 1}, "unknown field root; there are leaf, leaves, named, rows, grown, anything, $planted"),
        ({"$planted": {"hue": 1}}, "unknown field $planted.hue; there are kind, size"),
        ({"leaf": {"hue": 1}}, "unknown field leaf.hue; there are kind, size"),
        ({"leaves": [{}, {"hue": 1}]}, "unknown field leaves.1.hue; there are kind, size"),
        ({"named": {"size": {"hue": 1}}}, "unknown field named.size.hue; there are kind, size"),
        ({"rows": [[{"hue": 1}]]}, "unknown field rows.0.0.hue; there are kind, size"),
    ],
)
def test_an_unknown_field_is_told_with_those_that_there_are(fields, says):
    assert said(**fields) == says


def test_where_it_is_not_clear_which_fields_there_are_none_are_told():
    assert said(grown={"kind": "thorn", "hue": 1}) == "unknown field grown.thorn.hue"


def test_of_several_wrong_fields_the_first_is_told_and_how_many_more():
    assert said(leaf={"size": "x"}, root=1) == (
        "leaf.size: Input should be a valid integer, unable to parse string as an integer (and 1 more)"
    )

"""How metrics are named: what is typed, what is written into a task, what stands in results."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchtui.errors import UsageError
from benchtui.tasks.metrics.metric import ChosenMetric
from benchtui.tasks.metrics.parameters import Parameter, read_parameters, write_parameters
from benchtui.tasks.metrics.registry import DEFAULTS, METRICS, choose, choose_all

VALUES = st.text(st.sampled_from("\\,=ab:1 pattern"), max_size=20) | st.text(max_size=10)


def values_of(parameter: Parameter) -> st.SearchStrategy[object]:
    return {
        "text": VALUES,
        "number": st.floats(0, 1e300, allow_nan=False),
        "whole": st.integers(0, 999_999),
        "switch": st.booleans(),
        "choice": st.sampled_from(parameter.choices or ("",)),
    }[parameter.type]


@st.composite
def chosen(draw: st.DrawFn) -> ChosenMetric:
    metric = METRICS[draw(st.sampled_from(sorted(METRICS)))]
    return ChosenMetric(metric, {each.name: draw(values_of(each)) for each in metric.parameters})


@given(chosen())
def test_what_is_written_is_read_back(metric: ChosenMetric) -> None:
    assert choose(metric.written) == metric


@given(st.fixed_dictionaries({"a": VALUES, "pattern": VALUES, "b": VALUES}))
def test_any_text_is_a_value(values: dict[str, str]) -> None:
    parameters = [Parameter(name, "", None) for name in values]
    assert read_parameters("m", write_parameters(values, parameters), parameters) == values


@given(chosen())
def test_a_name_in_results_holds_no_comma(metric: ChosenMetric) -> None:
    """lm-eval cuts `metric,filter` at a comma."""
    assert "," not in metric.reported
    assert metric.reported.isprintable()


def test_a_pattern_needs_no_quoting() -> None:
    parameters = (Parameter("pattern", "", ""), Parameter("group", "", 0, "whole"))
    assert read_parameters("m", r"pattern=\d{1,3}=\w,x,group=2", parameters) == {"pattern": r"\d{1,3}=\w,x", "group": 2}
    assert read_parameters("m", r"pattern=a\,group=2", parameters) == {"pattern": "a,group=2"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("exact_mach", "Did you mean exact_match?"),
        ("exact_match:normalize=lower", "no parameter 'normalize'"),
        ("exact_match:normalise=upper", "none|strip|lower|squad"),
        ("exact_match:normalise=lower,normalise=strip", "given twice"),
        ("chrf:words=-1", "cannot be '-1'"),
        ("chrf:words=2,", "cannot be '2,'"),
        ("length:unit", "no parameter 'unit'"),
        ("acc:words=1", "It takes nothing"),
        ("", "no metric ''"),
        ("bleu\x1b[2J", "no metric 'bleu'"),
        ("exact_match:normalise=" + "x" * 30_000, "too long"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        choose(text)
    assert said in str(error.value)


def test_each_kind_has_metrics_of_its_own() -> None:
    for kind, names in DEFAULTS.items():
        assert tuple(each.metric.name for each in choose_all((), kind)) == names
    with pytest.raises(UsageError, match=r"bleu is not for data of the kind choices.*acc, acc_norm"):
        choose_all(("bleu",), "choices")
    with pytest.raises(UsageError, match="exact_match is named twice"):
        choose_all(("exact_match", "exact_match:normalise=strip"), "generate")


def test_every_example_can_be_typed() -> None:
    for metric in METRICS.values():
        if metric.example:
            assert choose(metric.example).written == metric.example

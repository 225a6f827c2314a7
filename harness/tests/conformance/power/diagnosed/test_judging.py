"""One fault from its diagnosis to its judgement, with its own models and without; and a sample of many."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from conformance.diagnosis.diagnose import Found, findings
from conformance.diagnosis.experiment.experiment import Experiment
from conformance.diagnosis.models.model import Model
from conformance.power import campaign
from conformance.power.campaign import Asked
from conformance.power.diagnosed import counting, judging
from conformance.power.diagnosed.judging import diagnosed
from conformance.power.fault import EVERY, Fault
from conformance.power.kinds import indices, parameters
from conformance.power.right.ops import NOTHING
from conformance.power.where.conditions import Condition, in_dtype

_STRIDE = next(c for c in parameters.changes("im2col") if c.what == "stride_w of the other axis in the indices")
_LAST = next(c for c in indices.changes("im2col") if c.what == "out_row misses the last")
_SAMPLE, _SEED = 12, 16
_LEAST = 9  # of them right, as measured; the suite or the diagnosis does not see the others


def test_a_fault_is_named_and_judged_by_its_results() -> None:
    found = diagnosed(Fault("parameter", "im2col", _STRIDE))
    assert found is not None
    assert (found.kind, found.id, found.truth) == ("name", "index/stride of the other axis/width", "right")
    assert (found.condition, found.always, found.known > 0) == ("", True, True)
    assert found.says == "Your im2col takes the stride of the height for the width."


def test_without_its_own_models_nothing_is_right_by_words() -> None:
    """Each model that gives what the fault gives is taken out: what is named then is another function."""
    found = diagnosed(Fault("parameter", "im2col", _STRIDE))
    assert found is not None
    assert found.blind_says not in ("", found.says)
    assert found.blind == "silent"


def test_a_name_that_is_given_in_its_place_is_judged_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if the diagnosis guessed once it does not know the mistake."""
    asked: list[Sequence[Model]] = []

    def guessing(experiment: Experiment, models: Sequence[Model]) -> list[Found]:
        asked.append(models)
        several = findings(experiment, models)
        if len(asked) == 1:
            return several
        guess = next(model for model in models if model.id == "index/stride ignored/width")
        return [Found(several[0].cause, guess)]

    monkeypatch.setattr(judging, "findings", guessing)
    found = diagnosed(Fault("parameter", "im2col", _STRIDE))
    assert found is not None
    assert (found.truth, found.blind) == ("right", "wrong")
    assert len(asked[0]) - len(asked[1]) == found.known


def test_what_is_right_has_no_diagnosis() -> None:
    assert diagnosed(Fault("parameter", "im2col", NOTHING)) is None


def test_the_dtype_of_the_case_that_shows_it_is_asked_too() -> None:
    fault = Fault("dtype", "im2col", _LAST, Condition((), (in_dtype("float16"),)), EVERY)
    assert diagnosed(fault) is None
    found = diagnosed(fault, "values.exact/im2col/float16/n1c1h4w4_f1kh2kw2")
    assert found is not None
    assert (found.truth, found.always) == ("right", False)


@pytest.mark.heavy
def test_a_sample_of_faults_is_named_rightly_or_not_at_all() -> None:
    """What `harness faults --diagnose --sample 12 --seed 16` judges, but for the controls."""
    asked = Asked(sample=_SAMPLE, seed=_SEED, diagnose=True)
    rows = list(campaign.judged(campaign.chosen(asked), asked, time.monotonic()))
    seen = [row.diagnosis for row in rows if row.diagnosis is not None]
    good = [one for one in seen if one.truth == "right"]
    counted = counting.kinds(rows)["all"]
    assert (counted.wrong, counted.blind_wrong, counted.off) == (0, 0, 0)
    assert len(good) >= _LEAST


@pytest.mark.heavy
def test_a_diagnosis_that_knows_nothing_names_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the number above depends on the models."""
    monkeypatch.setattr(judging, "known", lambda op: ())
    found = diagnosed(Fault("parameter", "im2col", _STRIDE))
    assert found is not None
    assert found.truth == "silent"

"""Predictions of one truth, opened to be evaluated alike: of undirected or of directed synapses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectograph.errors import InputError
from connectograph.evaluation.directed_inputs import describe_sources, read_directed_cases, volumes_of
from connectograph.evaluation.inputs import read_inputs
from connectograph.evaluation.result import Evaluation
from connectograph.evaluation.settings import Settings
from connectograph.partners import DIRECTED_RULES
from connectograph.volumes import Volume

__all__ = ["NO_CASE", "Cases", "read_cases"]

NO_CASE = "No prediction was given: a study takes one or more."


@dataclass(frozen=True, eq=False)
class Cases:
    """What is to be evaluated.

    Attributes
    ----------
    inputs : list of dict
        Of each prediction, by role; they differ in the prediction only, and what they share is opened once.
    sources : list of mapping
        What these were opened from.
    settings : Settings
    reading : dict
        The options that files were read with.
    """

    inputs: list[dict[str, Any]]
    sources: list[Mapping[str, Any]]
    settings: Settings
    reading: dict[str, Any]

    @property
    def files(self) -> list[dict[str, str]]:
        """The file of each input, ``FILE:DATASET``; '' of one made in memory."""
        described = (describe_sources(*each) for each in zip(self.inputs, self.sources, strict=True))
        return [{role: entry["path"] for role, entry in each.items()} for each in described]

    @property
    def volumes(self) -> list[Volume]:
        """All that is read block by block; what several predictions share is there once."""
        found = {id(volume): volume for inputs in self.inputs for volume in volumes_of(inputs).values()}
        return list(found.values())

    def choose(self, numbers: Sequence[int]) -> Cases:
        """Some of them."""
        return Cases([self.inputs[k] for k in numbers], [self.sources[k] for k in numbers], self.settings, self.reading)

    def evaluate(self, **how: Any) -> Iterator[Evaluation]:
        """Evaluate all, in order.

        Parameters
        ----------
        how
            `skeletons`, `workers`, `engine`, `progress`, as in :func:`connectograph.evaluation.job.evaluate_cases`.

        Yields
        ------
        Evaluation
        """
        if self.settings.partner_rule in DIRECTED_RULES:
            from connectograph.evaluation.directed import evaluate_directed

            return evaluate_directed(self.inputs, self.settings, self.sources, self.reading, **how)
        from connectograph.evaluation.job import evaluate_cases

        return evaluate_cases(self.inputs, self.settings, self.files, self.reading, **how)


def read_cases(
    shared: Mapping[str, Any], predicted: Sequence[Any], settings: Settings, reading: Mapping[str, Any]
) -> Cases:
    """Open the inputs of all predictions of one truth.

    Parameters
    ----------
    shared : mapping of str to object
        "segmentation", "truth", "raw", "predicted_segmentation", as :func:`connectograph.evaluate` takes them.
    predicted : sequence
        Predictions, at least one.
    settings : Settings
    reading : mapping
        `axes`, `voxel_size`, `allow_missing_chunks`; with a directed partner rule also `point_resolution`.

    Returns
    -------
    Cases

    Raises
    ------
    InputError
        If there is no prediction, an input cannot be opened, or the inputs do not fit together.
    """
    if not predicted:
        raise InputError(NO_CASE)
    if settings.partner_rule in DIRECTED_RULES:
        inputs = read_directed_cases(shared, predicted, partner_rule=settings.partner_rule, **reading)
    else:
        first = read_inputs(**{**shared, "predicted": predicted[0]}, **reading)
        same: dict[str, Any] = {role: volume for role, volume in first.items() if role != "predicted"}
        inputs = [first, *(read_inputs(**same, predicted=each, **reading) for each in predicted[1:])]
    return Cases(inputs, [{**shared, "predicted": each} for each in predicted], settings, dict(reading))

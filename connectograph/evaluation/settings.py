"""The scientific settings of an evaluation, checked once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from connectograph.errors import InputError
from connectograph.partners import RULES
from connectograph.synapses import FORMS
from connectograph.tables import as_ids

__all__ = ["Settings", "check_proofread"]


@dataclass(frozen=True)
class Settings:
    """What decides the result of an evaluation besides its inputs; see :func:`connectograph.evaluate`."""

    dilation: int | None = 1
    dilation_nm: float | None = None
    min_segment_voxels: int = 0
    exclude_segments: tuple[int, ...] = ()
    split_disconnected: bool = False
    min_split_fraction: float = 0.1
    partner_rule: str = "all-pairs"
    min_contact_voxels: int = 1
    predicted_form: str | None = None
    threshold: float | None = None
    min_synapse_voxels: int = 1
    contactome: bool = False
    proofread: tuple[int, ...] | None = None

    def checked(self) -> Settings:
        """The settings in one form (sorted ids, one dilation), or an InputError naming what is wrong."""
        for name, least in (("min_segment_voxels", 0), ("min_contact_voxels", 1), ("min_synapse_voxels", 1)):
            _check_whole(getattr(self, name), name, least)
        if self.partner_rule not in RULES:
            raise InputError(f"partner rule is {self.partner_rule!r}; expected one of {', '.join(RULES)}.")
        if self.predicted_form not in (None, *FORMS):
            raise InputError(f"predicted form is {self.predicted_form!r}; expected one of {', '.join(FORMS)}.")
        if self.partner_rule == "partners":
            self._check_points()
        if not 0 <= self.min_split_fraction <= 1:
            raise InputError(f"min_split_fraction is {self.min_split_fraction}; expected 0 to 1.")
        excluded = sorted({int(i) for i in as_ids(self.exclude_segments, "exclude_segments")})
        dilation = self.dilation if self.dilation_nm is None else None
        proofread = None if self.proofread is None else check_proofread(self.proofread)
        return replace(self, dilation=dilation, exclude_segments=tuple(excluded), proofread=proofread)

    def _check_points(self) -> None:
        """Points have no voxels: what counts them is refused, so that it is not left out in silence."""
        for name, neutral in (
            ("min_contact_voxels", 1),
            ("min_synapse_voxels", 1),
            ("predicted_form", None),
            ("threshold", None),
        ):
            if getattr(self, name) != neutral:
                raise InputError(f"{name} is about voxels: leave it out with the partner rule 'partners' (points).")

    def to_dict(self) -> dict[str, Any]:
        """JSON form; ids are strings. Without a list of proofread neurons nothing is said of one."""
        values = {**asdict(self), "exclude_segments": [str(i) for i in self.exclude_segments]}
        if self.proofread is None:
            del values["proofread"]
        else:
            values["proofread"] = [str(i) for i in self.proofread]
        return values

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Settings:
        """The settings that :meth:`to_dict` wrote; those of the measures are the same in every run."""
        own = {field.name: values[field.name] for field in fields(cls) if field.name in values}
        for name in ("exclude_segments", "proofread"):
            if name in own:
                own[name] = tuple(int(i) for i in own[name])
        return cls(**own).checked()


def check_proofread(ids: Iterable[int]) -> tuple[int, ...]:
    """Ids of proofread neurons, ascending; an InputError if none is listed.

    Examples
    --------
    >>> check_proofread([9, 4, 9])
    (4, 9)
    """
    listed = sorted({int(i) for i in as_ids(list(ids), "proofread")})
    if not listed:
        raise InputError("No neuron is listed as proofread: list ids, or leave the option out if all neurons are.")
    return tuple(listed)


def _check_whole(value: Any, name: str, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{name} is {value!r}; expected a whole number, {least} or more.")

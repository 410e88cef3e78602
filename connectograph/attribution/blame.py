"""How much each source of error costs: parts of a loss that add up.

Conventions: a loss is the value with everything mended minus the value as it is; it is split among *players*, each of
which can be mended or not, by their mean marginal contributions over all orders of mending (Shapley value): exact,
symmetric, 0 for a player that changes nothing, and summing to the loss.

Functions: :func:`shapley_values`, :func:`split_loss`, :func:`blame_links`, :func:`blame_causes`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._notebook import Shown
from connectograph._numbers import explain_missing
from connectograph.attribution.linking import NumberedLinks, number_links
from connectograph.errors import InputError
from connectograph.graphs import build_edges

__all__ = ["Blame", "blame_causes", "blame_links", "shapley_values", "split_loss"]

EdgeMeasure: TypeAlias = Callable[[pd.DataFrame, pd.DataFrame], float]
"""A measure of two edge tables, (truth, predicted)."""

_MAX_PLAYERS = 20


@dataclass(frozen=True)
class Blame(Shown):
    """A loss split among its sources.

    Attributes
    ----------
    perfect, actual : float
        The measure with everything mended, and as it is.
    parts : dict of str to float
        What each source costs; their sum is `loss`. NaN if a value that they rest on is undefined.
    values : dict of str to float
        The measure with some sources mended, by their names joined with "+"; '' is `actual`.

    Examples
    --------
    >>> split_loss(["a", "b"], lambda mended: 0.5 + 0.25 * len(mended)).parts
    {'a': 0.25, 'b': 0.25}
    """

    perfect: float
    actual: float
    parts: dict[str, float]
    values: dict[str, float]

    @property
    def loss(self) -> float:
        return self.perfect - self.actual

    def to_dict(self) -> dict[str, Any]:
        """Everything; undefined numbers are None with their reason beside them."""
        why = "the measure is undefined with some errors mended: the truth has no edge, or neither graph has one"
        numbers = {"perfect": self.perfect, "actual": self.actual, "loss": self.loss}
        return {
            **explain_missing(numbers, dict.fromkeys(numbers, why)),
            "parts": explain_missing(self.parts, dict.fromkeys(self.parts, why)),
            "values": explain_missing(self.values, dict.fromkeys(self.values, why)),
        }


def shapley_values(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Shapley value of each player of a game.

    Parameters
    ----------
    values : (2**n,) array
        Value of each coalition; bit k of its index says whether player k takes part.

    Returns
    -------
    (n,) array of float64

    Raises
    ------
    InputError
        If the number of values is no power of two, or there are more than 20 players.

    Notes
    -----
    phi_k = sum over coalitions S without k of \\|S\\|! (n - \\|S\\| - 1)! / n! (v(S + k) - v(S)) [1]_. O(n 2^n).

    References
    ----------
    .. [1] L. S. Shapley, in Contributions to the Theory of Games II, 307-317, Princeton, 1953.

    Examples
    --------
    >>> shapley_values([0.0, 1.0, 1.0, 4.0]).tolist()
    [2.0, 2.0]
    """
    game = np.asarray(values, np.float64)
    n = max(0, len(game).bit_length() - 1)
    if len(game) != 2**n or n > _MAX_PLAYERS:
        raise InputError(f"a game has {len(game)} values; expected 2**n, with n up to {_MAX_PLAYERS} players.")
    coalition = np.arange(len(game))
    size = sum((coalition >> k & 1 for k in range(n)), np.zeros(len(game), np.int64))
    weight = np.array([1 / (n * math.comb(n - 1, k)) for k in range(n)])
    result = np.empty(n)
    for player in range(n):
        without = np.flatnonzero(coalition & 1 << player == 0)
        result[player] = math.fsum(weight[size[without]] * (game[without | 1 << player] - game[without]))
    return result


def split_loss(players: Sequence[str], value: Callable[[frozenset[str]], float]) -> Blame:
    """Split a loss among players, from the value with any of them mended.

    Parameters
    ----------
    players : sequence of str
        Sources of error, at most 20.
    value : callable
        From the set of mended players to the measure; called once for each of the 2**n sets.

    Returns
    -------
    Blame

    Examples
    --------
    >>> blame = split_loss(["synapses", "partners"], lambda mended: 1.0 if len(mended) == 2 else 0.5)
    >>> blame.loss, blame.parts
    (0.5, {'synapses': 0.25, 'partners': 0.25})
    """
    sets = [[name for k, name in enumerate(players) if index >> k & 1] for index in range(2 ** len(players))]
    values = [float(value(frozenset(mended))) for mended in sets]
    parts = dict(zip(players, shapley_values(values).tolist(), strict=True))
    return Blame(values[-1], values[0], parts, dict(zip(map("+".join, sets), values, strict=True)))


def blame_links(
    links: Mapping[str, pd.DataFrame], matches: pd.DataFrame, *, measure: EdgeMeasure | None = None
) -> Blame:
    """Split the loss of a measure of edges over synapses, their partners and, if there are two, the segmentation.

    Parameters
    ----------
    links : mapping of str to DataFrame
        Tables "links" under common segment ids: "truth" and "predicted" and, of a prediction with a segmentation of
        its own, "predicted_in_truth" (predicted synapses in the true segmentation) and "truth_in_predicted".
    matches : pandas.DataFrame
        The table "synapse_matches".
    measure : callable, optional
        Of two edge tables, (truth, predicted); F1 of edges if not given.

    Returns
    -------
    Blame
        Parts "synapses" (missed and invented ones), "partners" (matched synapses that join wrong pairs) and, with
        four tables, "segmentation".

    Raises
    ------
    InputError
        If tables are missing, or a link's synapse is not in `matches`.

    Notes
    -----
    Mended synapses: the true ones, missed ones with their true links and without invented ones. Mended partners:
    matched synapses have the links of their true match. Mended segmentation: links are those in the true segmentation.
    The measure is taken of all 4 (8) combinations against the truth.

    Examples
    --------
    >>> from connectograph.tables import empty_table
    >>> blame = blame_links({"truth": empty_table("links"), "predicted": empty_table("links")},
    ...                     empty_table("synapse_matches"))
    >>> blame.to_dict()["loss"], sorted(blame.parts)
    (None, ['partners', 'synapses'])
    """
    own = {"truth": "truth", "predicted": "predicted"}
    names = {**own, "predicted_in_truth": "predicted", "truth_in_predicted": "truth"}
    if set(links) not in (set(own), set(names)):
        raise InputError(f"links of {', '.join(links)} were given; expected {', '.join(own)}, or {', '.join(names)}.")
    tables = {name: table[table["source"] != table["target"]] for name, table in links.items()}
    graphs = _Counterfactuals(number_links({name: (names[name], table) for name, table in tables.items()}, matches))
    if measure is None:
        return split_loss(graphs.players, graphs.score_edges)
    true_edges = build_edges(tables["truth"])
    return split_loss(graphs.players, lambda mended: measure(true_edges, build_edges(graphs.choose(tables, mended))))


def blame_causes(edge_outcomes: pd.DataFrame) -> Blame:
    """Split the F1 lost over the causes of wrong edges.

    Parameters
    ----------
    edge_outcomes : pandas.DataFrame
        The table, with `cause`.

    Returns
    -------
    Blame
        Parts by "outcome cause", as "fn missed": mending it turns the missed edges of this cause into found ones, or
        removes the false ones. Their sum is 1 - F1.

    Examples
    --------
    >>> outcomes = pd.DataFrame({"outcome": ["tp", "fn", "fp"], "cause": ["", "missed", "spurious"]})
    >>> {name: round(part, 4) for name, part in blame_causes(outcomes).parts.items()}
    {'fn missed': 0.3167, 'fp spurious': 0.1833}
    """
    counts = Counter(zip(edge_outcomes["outcome"], edge_outcomes["cause"], strict=True))
    counted = {f"{outcome} {cause}": n for (outcome, cause), n in sorted(counts.items()) if outcome != "tp"}
    total = {outcome: int((edge_outcomes["outcome"] == outcome).sum()) for outcome in ("tp", "fp", "fn")}

    def score(mended: frozenset[str]) -> float:
        fn, fp = (sum(n for name, n in counted.items() if name in mended and name[:2] == kind) for kind in ("fn", "fp"))
        found = 2 * (total["tp"] + fn)
        whole = found + total["fp"] - fp + total["fn"] - fn
        return found / whole if whole else math.nan

    return split_loss(list(counted), score)


class _Counterfactuals:
    """Connectomes with some sources of error mended."""

    def __init__(self, links: NumberedLinks) -> None:
        self.links = links
        four = "predicted_in_truth" in links.sides
        self.players = ["synapses", "partners", *(["segmentation"] if four else [])]
        self.true_pairs = np.unique(links.sides["truth"].pair)
        self._matched = links.in_truth & links.in_predicted

    def select(self, mended: frozenset[str]) -> dict[str, npt.NDArray[np.bool_]]:
        """Links that are there, by table."""
        here = len(self.players) == 2 or "segmentation" not in mended
        names = {
            "truth": "truth" if len(self.players) == 2 or not here else "truth_in_predicted",
            "predicted": "predicted" if here else "predicted_in_truth",
        }
        true_synapses, true_partners = "synapses" in mended, "partners" in mended
        matched = {side: self._matched[self.links.sides[name].case] for side, name in names.items()}
        return {
            names["truth"]: np.where(matched["truth"], true_partners, true_synapses),
            names["predicted"]: np.where(matched["predicted"], not true_partners, not true_synapses),
        }

    def score_edges(self, mended: frozenset[str]) -> float:
        """F1 of edges."""
        chosen = self.select(mended)
        pairs = np.unique(np.concatenate([self.links.sides[name].pair[here] for name, here in chosen.items()]))
        both = len(np.intersect1d(pairs, self.true_pairs, assume_unique=True))
        whole = len(pairs) + len(self.true_pairs)
        return 2 * both / whole if whole else math.nan

    def choose(self, tables: Mapping[str, pd.DataFrame], mended: frozenset[str]) -> pd.DataFrame:
        """The table "links", each synapse under the number of its case."""
        parts = []
        for name, here in self.select(mended).items():
            rows = self.links.sides[name]
            numbers = (rows.case[here] + 1).astype(np.uint64)
            parts.append(tables[name].iloc[rows.row[here]].assign(synapse_id=numbers))
        return pd.concat(parts, ignore_index=True)

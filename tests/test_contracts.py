"""What users may rely on: names, defaults, keys, and that every table of every run keeps its form."""

from __future__ import annotations

import inspect
import json
import math

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from scenes import Scene, scenes

import connectograph as cg
from connectograph.io.files import dump_json
from connectograph.tables import SCHEMAS, validate_table

EMPTY = np.zeros((2, 3, 4), "u8")
DEFAULTS = {
    "dilation": 1,
    "dilation_nm": None,
    "min_segment_voxels": 0,
    "exclude_segments": (),
    "split_disconnected": False,
    "min_split_fraction": 0.1,
    "partner_rule": "all-pairs",
    "min_contact_voxels": 1,
    "predicted_form": None,
    "threshold": None,
    "min_synapse_voxels": 1,
    "contactome": False,
    "axes": "zyx",
    "voxel_size": None,
    "allow_missing_chunks": False,
}
KEYS = {
    "schema": None,
    "verdict": None,
    "nodes": {"n_segments"},
    "edges": {"tp", "fp", "fn", "precision", "recall", "f1"},
    "strict": {"tp", "fp", "fn", "precision", "recall", "f1"},
    "excluded": {
        "segments_listed",
        "segments_below_size",
        "truth_synapses_unattached",
        "predicted_synapses_unattached",
        "truth_pairs_filtered",
        "predicted_pairs_filtered",
        "ignored_voxels",
        "ignored_synapses",
    },
    "synapses": {"n_truth", "n_predicted"},
    "synapse_matching": {"tp", "fp", "fn", "precision", "recall", "f1", "voxels", "partners"},
    "settings": set(DEFAULTS) - {"axes", "voxel_size", "allow_missing_chunks"},
    "inputs": {"segmentation", "truth", "predicted"},
}


def values_of(block):
    """Every value of nested JSON."""
    if isinstance(block, dict):
        for key, value in block.items():
            assert isinstance(key, str)
            yield from values_of(value)
    elif isinstance(block, list):
        for value in block:
            yield from values_of(value)
    else:
        yield block


def test_segments_and_causes_are_at_the_top():
    """Matching and attribution, with what is compared first and options by name."""
    firsts = {
        "match_segments": ["overlaps"],
        "compare_segmentations": ["overlaps"],
        "count_overlaps": ["truth", "predicted"],
        "count_terminals": ["links_truth", "links_predicted"],
        "score_terminals": ["terminals"],
        "attribute_links": ["truth", "predicted", "matches"],
        "attribute_edges": ["edge_outcomes", "link_outcomes"],
        "rank_fixes": ["truth", "predicted", "matches"],
        "apply_fixes": ["truth", "predicted", "matches", "fixes"],
        "mend_segments": ["truth", "predicted", "fixes"],
        "blame_links": ["links", "matches"],
        "split_loss": ["players", "value"],
        "compare_line_graphs": ["truth", "predicted", "matches"],
    }
    for name, first in firsts.items():
        parameters = inspect.signature(getattr(cg, name)).parameters.values()
        assert [each.name for each in parameters if each.kind is not each.KEYWORD_ONLY] == first, name


def test_defaults_of_evaluate():
    parameters = inspect.signature(cg.evaluate).parameters
    assert {name: parameters[name].default for name in DEFAULTS} == DEFAULTS
    assert next(iter(parameters)) == "segmentation"


@pytest.mark.parametrize("name", [name for name in cg.__all__ if inspect.isfunction(getattr(cg, name))])
def test_options_are_given_by_name(name):
    """Data come first, by position; options only by name."""
    parameters = list(inspect.signature(getattr(cg, name)).parameters.values())
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is not p.empty]
    assert positional in ([], ["predicted"])  # both connectomes may come at once, as AlignedEdges
    names = [p.name for p in parameters]
    if {"truth", "predicted"} <= set(names):
        assert names.index("truth") < names.index("predicted")


@settings(max_examples=settings.default.max_examples // 4)
@given(scenes())
def test_every_run_keeps_the_form(scene):
    ev = scene.evaluate()
    for name, table in ev.tables.items():
        schema = name.removesuffix("_truth").removesuffix("_predicted")
        assert list(validate_table(schema, table)) == list(SCHEMAS[schema])
        key = [column for column in table if table[column].dtype == np.uint64 or column == "step"]
        assert table.equals(table.sort_values(key, ignore_index=True)), f"{name} is not sorted"
        assert isinstance(table.index, pd.RangeIndex)
    for key, names in KEYS.items():
        assert key in ev.report
        assert names is None or names <= set(ev.report[key])
    text = dump_json(ev.report)
    assert json.loads(text) == json.loads(json.dumps(ev.report, allow_nan=False))
    assert all(not isinstance(v, float) or math.isfinite(v) for v in values_of(ev.report))
    assert all(not isinstance(v, int) or v < 2**53 for v in values_of(ev.report)), "an id is a JSON number"
    for block in ("edges", "strict"):
        for score in ("precision", "recall", "f1"):
            assert (ev.report[block][score] is None) == (f"{score}_reason" in ev.report[block])


def test_the_schema_of_a_report():
    ev = Scene(EMPTY, EMPTY, EMPTY).evaluate()
    assert ev.report["schema"] == "connectograph.report/1"
    assert list(ev.report)[:2] == ["schema", "verdict"]


def test_ids_in_a_report_are_words():
    segmentation = np.array([[[2**53 + 1, 2**64 - 3]]], "u8")
    scene = Scene(
        segmentation, EMPTY[:1, :1, :2], np.array([[[0, 7]]], "u8"), options={"exclude_segments": (2**63 + 1,)}
    )
    report = json.loads(dump_json(scene.evaluate().report))
    assert report["settings"]["exclude_segments"] == [str(2**63 + 1)]
    assert (report["worst_errors"][0]["source"], report["worst_errors"][0]["target"]) == (
        str(2**53 + 1),
        str(2**64 - 3),
    )


def test_graphs_are_plain_and_named():
    scene = Scene(np.array([[[1, 2**64 - 3, 4]]], "u8"), np.array([[[0, 7, 0]]], "u8"), EMPTY[:1, :1, :3])
    graph = scene.evaluate().truth_graph
    assert type(graph) is nx.Graph
    assert set(graph.graph) == {"kind", "name", "voxel_size_nm", "connectograph"}
    assert graph.graph["voxel_size_nm"] == (40.0, 4.0, 4.0)
    assert sorted(map(type, graph), key=str) == [int] * 3
    attributes = {name for *_, data in graph.edges(data=True) for name in data}
    assert attributes == {"n_synapses", "n_voxels", "z_nm", "y_nm", "x_nm"}
    assert scene.evaluate().predicted_graph.number_of_nodes() == 3


@pytest.mark.parametrize("shape", [(2, 3, 4), (0, 3, 4), (1, 1, 1)])
def test_nothing_at_all_is_valid(shape):
    nothing = np.zeros(shape, "u8")
    ev = Scene(nothing, nothing, nothing, options={"split_disconnected": True, "min_segment_voxels": 5}).evaluate()
    assert ev.report["nodes"]["n_segments"] == 0
    assert all(len(table) == 0 for table in ev.tables.values())
    assert ev.report["edges"]["f1"] is ev.report["edges"]["precision"] is ev.report["edges"]["recall"] is None
    assert not any(ev.report["excluded"][key] for key in KEYS["excluded"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dilation": -1}, "dilation"),
        ({"dilation": 1.5}, "dilation"),
        ({"dilation_nm": -3.0}, "dilation_nm"),
        ({"min_segment_voxels": -1}, "min_segment_voxels is -1"),
        ({"min_segment_voxels": 2.5}, "min_segment_voxels is 2.5; expected a whole number"),
        ({"min_contact_voxels": 0}, "min_contact_voxels is 0"),
        ({"min_synapse_voxels": 0}, "min_synapse_voxels is 0"),
        ({"exclude_segments": (-4,)}, "exclude_segments"),
        ({"exclude_segments": (4.0,)}, "exclude_segments"),
        ({"min_split_fraction": 2}, "min_split_fraction is 2"),
        ({"min_split_fraction": math.nan}, "min_split_fraction is nan"),
        ({"partner_rule": "nearest"}, "partner rule is 'nearest'; expected one of all-pairs, top-pair"),
        ({"predicted_form": "blobs"}, "predicted form is 'blobs'"),
        ({"threshold": math.inf}, "finite"),
    ],
    ids=repr,
)
def test_settings_are_checked_at_the_door(options, words):
    with pytest.raises(cg.InputError, match=words):
        Scene(EMPTY, EMPTY, EMPTY).evaluate(**options)


@pytest.mark.parametrize("role", ["segmentation", "truth", "predicted"])
def test_what_is_no_volume_is_refused(role):
    volumes = {name: cg.Volume(EMPTY, (40, 4, 4)) for name in ("segmentation", "truth", "predicted")}
    volumes[role] = EMPTY
    with pytest.raises(TypeError, match="voxel_size"):
        cg.evaluate(volumes.pop("segmentation"), **volumes)


def test_a_truth_must_be_given():
    with pytest.raises(cg.InputError, match="No truth was given"):
        cg.evaluate(cg.Volume(EMPTY, (40, 4, 4)))

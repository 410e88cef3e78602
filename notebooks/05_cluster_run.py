# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A run on a cluster
#
# Volumes are read block by block, and blocks can be worked on anywhere: by threads of this process, by other processes,
# or by the workers of a Dask cluster, here or on many machines. Whoever works, the result is the same, to the byte. The
# data are small here, so that every cell takes seconds; nothing else differs from a large run.

# %%
import hashlib
import os
import tempfile
from pathlib import Path

import pandas as pd

import connectograph as cg

os.chdir(tempfile.mkdtemp())
phantom = cg.synthetic.make_phantom("small", rng=1)
cg.write_volume("phantom.hdf", phantom.segmentation, dataset="volumes/labels/neuron_ids")
cg.write_volume("phantom.hdf", phantom.truth, dataset="volumes/labels/clefts")
cg.write_volume("prediction.hdf", phantom.predicted, dataset="volumes/labels/clefts")

# %% [markdown]
# ## Three engines
#
# *Threads* are the default: the compiled kernels let each other run, and nothing is copied. *Processes* are for
# formats whose reading holds the interpreter. Both need one word.

# %%
runs = {}
for engine in ("threads", "processes"):
    runs[engine] = cg.evaluate("phantom.hdf", predicted="prediction.hdf", engine=engine, workers=2)

# %% [markdown]
# A *Dask* client is handed over as it is. This cluster lives on this machine; where the workers are is the cluster's
# business, not the evaluation's.

# %%
from distributed import Client, LocalCluster

here = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": "127.0.0.1:0", "silence_logs": "ERROR"}
with LocalCluster(**here) as cluster, Client(cluster) as client:
    runs["dask"] = cg.evaluate("phantom.hdf", predicted="prediction.hdf", engine=client)

# %% [markdown]
# ## The same bytes
#
# Each run is written, and every file of it compared with that of the threads. (`run.json`, which records when and by
# whom the work was done, is the one that may differ.)


# %%
def digest(folder):
    """SHA-256 of every file of a run, but run.json."""
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file() and path.name != "run.json")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


digests = {engine: digest(ev.write(f"runs/{engine}", reports=False)) for engine, ev in runs.items()}
pd.DataFrame(
    {
        "engine": ev.run["engine"],
        "workers": ev.run["workers"],
        "F1": ev.edges.f1,
        "files": len(digests[engine]),
        "files that differ": sum(digests[engine][file] != digests["threads"][file] for file in digests["threads"]),
    }
    for engine, ev in runs.items()
)

# %% [markdown]
# ## Within a budget of memory
#
# `max_memory` (`--max-memory` on the command line) takes fewer workers if it takes that to keep within. How many would
# 16 asked for be?

# %%
from connectograph.blocks import plan_memory

segmentation = cg.read_volume("phantom.hdf", role="segmentation")
budgets = ("1GiB", "2GiB", "4GiB", "8GiB")
pd.DataFrame(
    {engine: [plan_memory([segmentation], 16, engine, budget).workers for budget in budgets] for engine in runs},
    index=pd.Index(budgets, name="budget"),
)

# %% [markdown]
# A budget that cannot work is refused at once, not after an hour.

# %%
try:
    cg.evaluate("phantom.hdf", predicted="prediction.hdf", max_memory="100MiB")
except cg.InputError as error:
    print(error)

# %% [markdown]
# ## Ended, and taken up again
#
# A batch system ends a job that has used up its time: it sends a signal. An evaluation with `--out` keeps its finished
# blocks and says how to go on; its exit code is 3. Here the signal is ours, as soon as the run has begun.

# %%
import subprocess
import sys
import time

command = [sys.executable, "-m", "connectograph", "evaluate", "phantom.hdf", "--predicted", "prediction.hdf"]
command += ["--no-report", "--out", "runs/job"]
job = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
while job.poll() is None and not Path("runs/job/.connectograph/task.json").exists():
    time.sleep(0.01)
job.terminate()
message = job.communicate()[1].splitlines()[-1]
job.returncode, message

# %% [markdown]
# The same command with `--resume`. It would refuse other inputs or settings, by name; so it ends in the same bytes as
# the runs that nobody disturbed.

# %%
done = subprocess.run([*command, "--resume"], check=True, capture_output=True)
done.returncode, digest("runs/job") == digests["threads"]

# %% [markdown]
# ## On SLURM
#
# [dask-jobqueue](https://jobqueue.dask.org) asks the batch system for workers (also PBS, LSF, SGE and HTCondor); the
# evaluation does not notice. A worker that is lost is replaced, and its block done again elsewhere.
#
# ```python
# from dask_jobqueue import SLURMCluster
# from distributed import Client
#
# cluster = SLURMCluster(cores=1, memory="4GB", walltime="04:00:00", job_extra_directives=["--requeue"])
# cluster.adapt(minimum=4, maximum=64)
# ev = cg.evaluate("big.zarr", truth="clefts.zarr", predicted="network.zarr", engine=Client(cluster))
# ```
#
# Or as one job that may be ended at any time:
#
# ```bash
# #!/bin/bash
# #SBATCH --time=04:00:00 --cpus-per-task=8 --mem=32G --signal=B:TERM@120
# trap 'kill -TERM $!; wait; scontrol requeue $SLURM_JOB_ID' TERM
# connectograph evaluate big.zarr --truth clefts.zarr --predicted network.zarr --out runs/big --resume &
# wait
# ```
#
# `--signal=B:TERM@120` lets SLURM knock two minutes before the end, the trap puts the job back into the queue, and
# `--resume` goes on. The number of workers follows what SLURM granted; with `--engine dask:tcp://HOST:8786` it is that
# of a Dask scheduler. All inputs must be on storage that every worker sees.

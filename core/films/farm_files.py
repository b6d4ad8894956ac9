"""Files in a job's folder with which other programs run its tasks: SLURM, OpenJD, make and GNU parallel.

They find the job by their own folder, and name segments by numbers. They run `animi draw` and `animi join`,
by the program that the variable ANIMI names, if it is set.
"""

import json
from pathlib import Path
from typing import Any

from ..files import write_text

FARM_FILES = ("README.txt", "Makefile", "slurm.sh", "openjd.json")
"""The files' names."""
_MOST_TASKS = 1000  # of a SLURM array: MaxArraySize is 1001 unless the cluster's owner has raised it
_SEGMENTS_EACH = 150  # of an OpenJD chunk, at most; Deadline Cloud takes no more

_SLURM = """\
#!/bin/sh
# Draws the film of this folder on a SLURM cluster: an array of tasks, then one that joins.
#   sh FOLDER/slurm.sh [sbatch's options, such as --partition=cpu --cpus-per-task=4 --time=1:00:00]
# ANIMI names the program if it is not in PATH, such as ANIMI=/opt/animi/bin/animi.
set -eu
segments={segments}
each={each}  # segments of a task
: "${{ANIMI:=animi}}"
case "${{1:-}}" in
--draw)
    first=$((SLURM_ARRAY_TASK_ID * each))
    last=$((first + each - 1))
    [ "$last" -lt "$segments" ] || last=$((segments - 1))
    exec "$ANIMI" draw "$2" --segments "$first-$last" ;;
--join)
    exec "$ANIMI" join "$2" ;;
esac
job=$(cd "$(dirname "$0")" && pwd)
export ANIMI
mkdir -p "$job/logs"
tasks=$(((segments + each - 1) / each))
drawing=$(sbatch --parsable --requeue --job-name=animi-draw --array="0-$((tasks - 1))" \\
    --output="$job/logs/draw-%a.txt" "$@" "$job/slurm.sh" --draw "$job")
drawing=${{drawing%%;*}}
joining=$(sbatch --parsable --requeue --job-name=animi-join --dependency="afterok:$drawing" \\
    --kill-on-invalid-dep=yes --output="$job/logs/join.txt" "$@" "$job/slurm.sh" --join "$job")
echo "drawing: $drawing, joining: ${{joining%%;*}}"
"""

_MAKEFILE = """\
# Draws the film of this folder with make, several segments at a time:
#   make -j4 -C FOLDER
# A segment that is there is not drawn again.
ANIMI ?= animi
NUMBERS := $(shell seq -f %06.0f 0 {last})

joined: $(NUMBERS:%=segments/%.segment)
\t$(ANIMI) join .

segments/%.segment:
\t$(ANIMI) draw . --segments $*

.PHONY: joined
"""

_README = """\
A film that animi draws in segments, numbered from 0 to {last}.
Any machine that sees the film and this folder can draw some of them.
The commands below are for a shell in this folder.

    animi draw . --segments 0-{last}
    animi join .

make, 4 segments at a time:

    make -j4

GNU parallel, on this machine and on two others that see the same paths:

    seq 0 {last} | parallel -j1 --wd . -S :,first-host,second-host animi draw . --segments {{}} && animi join .

SLURM:

    sh slurm.sh --cpus-per-task=4

OpenJD, by openjd-cli or by a farm that takes OpenJD's templates:

    openjd check openjd.json
    openjd run openjd.json -p SegmentsEach=2
"""


def write_farm_files(folder: Path, segments: int) -> None:
    """Writes the files into a job's folder.

    Args:
        folder: the job's folder.
        segments: how many segments the job has.

    Raises:
        OSError: one cannot be written.
    """
    last = segments - 1
    each = -(-segments // _MOST_TASKS)
    texts = (
        _README.format(last=last),
        _MAKEFILE.format(last=last),
        _SLURM.format(segments=segments, each=each),
        json.dumps(describe_openjd(segments), indent=1),
    )
    for name, text in zip(FARM_FILES, texts, strict=True):
        write_text(folder / name, text)


def describe_openjd(segments: int) -> dict[str, Any]:
    """An OpenJD job template (2023-09) with task chunking: a step that draws, and one that joins after it."""

    def run(*words: str) -> dict[str, Any]:
        return {"actions": {"onRun": {"command": "{{Param.Animi}}", "args": list(words)}}}

    return {
        "specificationVersion": "jobtemplate-2023-09",
        "extensions": ["TASK_CHUNKING"],
        "name": "animi",
        "parameterDefinitions": [
            {
                "name": "Job",
                "type": "PATH",
                "objectType": "DIRECTORY",
                "dataFlow": "INOUT",
                "default": ".",  # the template's folder
                "description": "The folder that animi interpolate --plan has made.",
            },
            {
                "name": "Animi",
                "type": "STRING",
                "default": "animi",
                "description": "The program, if it is not in PATH.",
            },
            {
                "name": "SegmentsEach",
                "type": "INT",
                "default": 1,
                "minValue": 1,
                "maxValue": _SEGMENTS_EACH,
                "description": "Segments of a task.",
            },
        ],
        "steps": [
            {
                "name": "Draw",
                "parameterSpace": {
                    "taskParameterDefinitions": [
                        {
                            "name": "Segments",
                            "type": "CHUNK[INT]",
                            "range": f"0-{segments - 1}",
                            "chunks": {"defaultTaskCount": "{{Param.SegmentsEach}}", "rangeConstraint": "CONTIGUOUS"},
                        }
                    ]
                },
                "script": run("draw", "{{Param.Job}}", "--segments", "{{Task.Param.Segments}}"),
            },
            {"name": "Join", "dependencies": [{"dependsOn": "Draw"}], "script": run("join", "{{Param.Job}}")},
        ],
    }

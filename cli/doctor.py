"""`animi doctor`: what animi finds on this machine."""

from typing import TYPE_CHECKING, Annotated

import typer

from .output import print_json

if TYPE_CHECKING:
    from ..core.doctor import Findings


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON on stdout.")] = False,
) -> None:
    """Shows versions, devices, ffmpeg's codecs and what is missing, for a bug report.

    It names no file, folder, user or host. The exit code is 1 if something does not work.
    """
    from ..core.doctor import examine

    found = examine()
    if as_json:
        print_json(found.as_json())
    else:
        for line in _write(found):
            typer.echo(line)
    if found.problems:
        raise typer.Exit(1)


def _write(found: "Findings") -> list[str]:
    memory = "" if found.memory is None else f", {found.memory:g} GiB"
    lines = [
        f"animi {found.animi}, {found.python}",
        f"{found.system}, {found.processors} processors{memory}",
        f"devices: {'; '.join(found.devices)}",
    ]
    if found.providers:
        lines.append(f"ONNX Runtime: {', '.join(found.providers)}")
    own = ", chosen by IMAGEIO_FFMPEG_EXE" if found.own_ffmpeg else ""
    lines.append(f"ffmpeg: {found.ffmpeg or 'none'}{own}")
    encoders = (f"{name} ({encoder})" if encoder else f"{name} (none)" for name, encoder in found.codecs.items())
    lines.append(f"codecs: {', '.join(encoders)}")
    there = dict.fromkeys(f"{package.name} {package.found}" for package in found.packages if package.found)
    lines.append(f"packages: {', '.join(there)}")
    for extra, names in found.missing.items():
        if extra:
            lines.append(f"not installed: {', '.join(names)} (pip install animi[{extra}])")
    lines += [f"problem: {problem}" for problem in found.problems]
    return lines

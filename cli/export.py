"""`animi export`: writes a network in a format that other programs run."""

from ..core.config.export import ExportConfig
from .options import AsJson, Change, Given, make_config, options_from
from .output import print_json, print_path


@options_from(ExportConfig, onnx=Change(metavar="DIR"))
def export(given: Given, as_json: AsJson = False) -> None:
    """Writes a motion network as ONNX graphs, so that other players and programs can draw with it."""
    config = make_config(ExportConfig, given)

    from ..core.graphs.export import export_network

    files = export_network(config)
    if as_json:
        print_json({"output": str(config.onnx), "files": [path.name for path in files]})
    else:
        print_path(config.onnx)

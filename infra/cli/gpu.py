"""`ladder gpu-trace`: a training job on a real card. Parses and prints; `infra.gpu.bench` works."""

from __future__ import annotations

import json
from pathlib import Path

import click

from infra.cli.background import ROOT
from infra.cli.problems import UsedWrongly

LAB = ROOT / "labs" / "3-senior" / "gpu-rent"


@click.command("gpu-trace")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--device", default="", help="cuda or cpu; without it, a card if there is one.")
@click.option("--size", default="", help="bench, card or small-card.")
@click.option("--steps", default=8, show_default=True, help="Steps of a block.")
@click.option("--blocks", default=5, show_default=True, help="Blocks of each job; 0: none.")
@click.option("--out", default=Path("gpu-trace"), show_default=True, help="Where to keep it.",
              type=click.Path(path_type=Path))  # fmt: skip
@click.option("--fixes", help="Record also what each of these fixes was for.",
              type=click.Path(exists=True, dir_okay=False, path_type=Path))  # fmt: skip
@click.option("--witness", default="", metavar="NAME", help="Who started this, if not its author.")
def gpu_trace(
    folder: Path, device: str, size: str, steps: int, blocks: int, out: Path, fixes: Path | None,
    witness: str,
) -> None:
    """Measure a training job of gpu-rent on a card against today's, and record traces of both.

    Runs the FOLDER's code as you. Today's job is the course's own. Writes receipt.json and one
    trace of each into --out, for https://ui.perfetto.dev.
    """
    import torch

    from infra.gpu import bench, receipt

    if not (folder / "train.py").is_file():
        raise UsedWrongly(f"{folder} has no train.py", "./ladder gpu-trace work/gpu-rent")
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    if device == "cuda" and not torch.cuda.is_available():
        raise UsedWrongly("torch sees no card here", f"./ladder gpu-trace {folder} --device cpu")
    size = size or ("card" if device == "cuda" else "bench")
    out.mkdir(parents=True, exist_ok=True)
    with bench.gathered(LAB, folder) as place:
        if not (place / "labels.txt").is_file():
            raise UsedWrongly(f"{folder} has no labels.txt", "./ladder start gpu-rent")
        if blocks:
            found = bench.measure(place, device, size, steps, blocks, click.echo)
            found["evidence"] = f"witnessed by {witness}" if witness else "self-reported"
            (out / "receipt.json").write_text(json.dumps(found, indent=1))
            click.echo("\n".join([*receipt.lines(found), *receipt.problems(found)]))
        kind = "cpu-" if device == "cpu" else ""
        for job in ("today", "train"):
            to = out / f"{kind}{job}.json.gz"
            click.echo(f"wrote {bench.record(place, job, device, size, steps, to)}")
        for name in bench.undone(place, fixes) if fixes else ():
            to = out / f"{kind}without-{name}.json.gz"
            click.echo(f"wrote {bench.record(place, 'train', device, size, steps, to)}")

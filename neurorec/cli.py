"""The command: one verb each for running, showing, and looking at a file. Parse, call, print."""

import argparse
import json
import os
import shlex
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

_DONE, _PARTLY, _FAILED, _INTERRUPTED = 0, 1, 2, 130

# Here so that help is light; neurorec.study.CLASSICS has what they do.
CLASSICS = {
    "balanced": "excitation and inhibition cancel: irregular spikes, and what rates say of them",
    "conceptors": "one reservoir holds several patterns, each called up by its own projection",
    "echo_state": "random units remember and compute, best near the edge of chaos",
    "few_data": "reservoirs and trained networks learn from few trials",
    "follow": "spiking units follow dynamics under feedback until they go without",
    "force": "FORCE learning tames a chaotic network",
    "hard_images": "recurrent and feedforward networks name digits that are hidden or crowded",
    "hopfield": "memories as minima of an energy, and how many there can be",
    "liquid_state": "a spiking column keeps its inputs apart, and linear readouts find them",
    "oculomotor": "a tuned line attractor holds the eye",
    "predictive_coding": "layers predict one another, and learn from what was not predicted",
    "sorn": "three kinds of plasticity let a network count",
}
_PAPER = "coupling by area and context, doi:10.1038/nature23020"
_CURVE = "the benefit measured where recurrence is known"
_EXAMPLES = """\
examples:
  neurorec demo                                       on a bundled, simulated recording
  neurorec inspect session.nwb                        what the file holds and how it is read
  neurorec run session01.nwb session03.nwb -o out     everything derived from the files
  neurorec run --config out/study.toml                the same again, after editing its settings
  neurorec reproduce runyan2017 -o out                the figures of a paper, on simulated sessions
  neurorec reproduce --list                           what else can be made again: the classic recurrent systems
  neurorec reproduce recurrence-calibration -o out    what a benefit means: networks whose recurrence is known

exit status: 0 done; 1 some sessions could not be analysed, the others are done; 2 nothing could be done;
130 interrupted: the same command goes on from what was kept
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(_FAILED, f"neurorec: {message}; see {self.prog} --help\n")


class _List(argparse.Action):
    """Names what can be reproduced, a line each."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        named = {"runyan2017": _PAPER, "recurrence-calibration": _CURVE} | CLASSICS
        width = max(map(len, named))
        print("\n".join(f"{name:<{width}}  {said}" for name, said in named.items()))
        parser.exit()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; by default those of the process.

    Returns
    -------
    int
        0: done; 1: some sessions failed; 2: nothing could be done; 130: interrupted.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    arguments = _parser().parse_args(argv)
    arguments.command = shlex.join(["neurorec", *argv])
    out = getattr(arguments, "out", None)
    if out is not None and out.exists() and not out.is_dir():
        return _refuse(f"{out}: expected a folder, or nothing yet, found a file; name another with -o")
    try:
        return arguments.verb(arguments)
    except KeyboardInterrupt:
        print("\nneurorec: interrupted; the same command goes on from what was kept", file=sys.stderr)
        return _INTERRUPTED
    except Exception as error:
        known = isinstance(error, OSError | import_module("neurorec.recording").InputError)
        if arguments.debug or not known:
            raise
        print(f"neurorec: {' '.join(str(error).split())}", file=sys.stderr)
        return _FAILED


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="neurorec",
        description="How much of a neuron's activity is explained by the network around it, and does that differ "
        "between brain areas?",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"neurorec {version('neurorec')}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    run = verbs.add_parser("run", help="analyse recordings and write a report")
    run.set_defaults(verb=_run)
    run.add_argument("files", nargs="*", metavar="FILE", help="NWB file, one per session")
    run.add_argument("--config", type=Path, metavar="TOML", help="study file, instead of files and settings")
    run.add_argument("-o", "--out", type=Path, metavar="OUT", help="folder of results (default: neurorec_out)")
    _add_data_options(run.add_argument_group("reading"))
    _add_fit_options(run.add_argument_group("fitting"))
    _add_network_options(run.add_argument_group("networks on the same task"))
    demo = verbs.add_parser("demo", help="the same on a bundled, simulated recording")
    demo.set_defaults(verb=_demo)
    demo.add_argument("-o", "--out", type=Path, metavar="OUT", default=Path("neurorec_demo"), help="folder of results")
    reproduce = verbs.add_parser("reproduce", help="a paper's analysis on data whose truth is known, with figures")
    reproduce.add_argument("--list", action=_List, nargs=0, help="name what there is, and end")
    what = reproduce.add_subparsers(title="what", metavar="WHAT", required=True)
    paper = what.add_parser("runyan2017", help=_PAPER)
    _add_runyan(paper)
    curve = what.add_parser("recurrence-calibration", help=_CURVE)
    _add_calibration(curve)
    classics = [_add_classic(what.add_parser(name, help=said), name) for name, said in CLASSICS.items()]
    for verb in (run, demo, paper, curve, *classics):
        verb.add_argument("--threads", type=_positive, metavar="N", help="cores to use (default: all)")
    inspect = verbs.add_parser("inspect", help="say what a file holds and how it would be read")
    inspect.set_defaults(verb=_inspect)
    inspect.add_argument("file", metavar="FILE", help="NWB file")
    inspect.add_argument("--json", action="store_true", help="for programs")
    for verb in (run, demo, paper, curve, *classics, inspect):
        verb.add_argument("--debug", action="store_true", help="show where an error came from")
    return parser


def _natural(text: str) -> int:
    """Read a whole number from 0 on."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number, 0 or more, found {text!r}")
    return int(text)


def _positive(text: str) -> int:
    """Read a whole number from 1 on."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a whole number, 1 or more, found {text!r}")
    return int(text)


def _add_classic(verb: argparse.ArgumentParser, name: str) -> argparse.ArgumentParser:
    verb.set_defaults(verb=_show, name=name)
    verb.add_argument("-o", "--out", type=Path, metavar="OUT", default=Path(name), help=f"folder of results ({name})")
    verb.add_argument("--full", action="store_true", help="the published size, where the default is smaller")
    verb.add_argument("--seed", type=_natural, default=0, metavar="N", help="from which everything random follows (0)")
    return verb


def _add_calibration(verb: argparse.ArgumentParser) -> None:
    verb.set_defaults(verb=_calibrate)
    out = Path("recurrence_calibration")
    verb.add_argument("-o", "--out", type=Path, metavar="OUT", default=out, help="folder of results")
    sizes = verb.add_argument_group("sizes, to be made those of your recording")
    sizes.add_argument("--units", type=int, default=100, metavar="N", help="of each network (100)")
    sizes.add_argument("--trials", type=int, default=160, metavar="N", help="that are recorded (160)")
    sizes.add_argument("--networks", type=int, default=3, metavar="N", help="of each strength of recurrence (3)")
    sizes.add_argument("--peak-rate", type=float, default=60.0, metavar="R", help="spikes/s at the most activity (60)")
    sizes.add_argument("--gains", type=float, nargs="+", metavar="G", help="strengths of recurrence (0 to 1.5)")
    sizes.add_argument("--seen", type=float, nargs="+", metavar="P", help="shares of units recorded (1 to 0.05)")
    sizes.add_argument("--seed", type=_natural, default=0, metavar="N", help="from which everything random follows (0)")


def _add_runyan(verb: argparse.ArgumentParser) -> None:
    verb.set_defaults(verb=_reproduce)
    verb.add_argument("files", nargs="*", metavar="FILE", help="recordings, one per session (default: simulated ones)")
    verb.add_argument("-o", "--out", type=Path, metavar="OUT", default=Path("runyan2017"), help="folder of results")
    sizes = verb.add_argument_group("sizes")
    sizes.add_argument("--sessions", type=int, default=2, metavar="N", help="simulated, per area and context (2)")
    sizes.add_argument("--units", type=int, default=45, metavar="N", help="per simulated session (45)")
    sizes.add_argument("--trials", type=int, default=160, metavar="N", help="per simulated session (160)")
    sizes.add_argument("--draws", type=int, default=20, metavar="N", help="subsamples of 37 units per session (20)")
    sizes.add_argument("--folds", type=int, default=3, metavar="N", help="outer folds of whole trials (3)")
    sizes.add_argument("--seed", type=_natural, default=0, metavar="N", help="from which everything random follows (0)")


def _add_data_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--bin-width", type=float, metavar="S", help="seconds per bin")
    group.add_argument("--signal", metavar="NAME", help="'spikes' or the name of a trace")
    area = group.add_mutually_exclusive_group()
    area.add_argument("--area", metavar="COLUMN", help="column of the unit table that holds the area")
    area.add_argument(
        "--area-map",
        action="append",
        metavar="OLD=NEW|FILE",
        help="rename an area, or give a unit's by its id; or a text file of such lines; may be repeated",
    )
    group.add_argument("--trials", action="append", metavar="TABLE", help="interval table; may be repeated")
    group.add_argument("--units", metavar="EXPR", help="which units, for example 'quality == \"good\"'")
    group.add_argument("--covariate", action="append", metavar="NAME", help="behavioural signal; may be repeated")
    group.add_argument("--window", nargs=2, type=float, metavar=("START", "STOP"), help="seconds of the file to read")
    group.add_argument("--block-length", type=float, metavar="S", help="seconds per block, where there are no trials")


def _add_fit_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--folds", type=int, metavar="N", help="outer folds of whole trials (default: 5)")
    group.add_argument("--inner-folds", type=int, metavar="N", help="folds that choose the penalty (default: 3)")
    group.add_argument(
        "--family", choices=["poisson", "bernoulli", "gaussian", "gamma"], help="default: what suits the activity"
    )
    group.add_argument("--penalties", nargs="+", type=float, metavar="P", help="strong to weak")
    group.add_argument("--l1-ratio", type=float, metavar="R", help="0: ridge; towards 1: lasso")
    group.add_argument("--edges", choices=["drop", "zero"], help="bins whose filters reach over the edge of a trial")
    group.add_argument("--steps", nargs="*", metavar="STEP", help="controls beside the two models (default: all)")
    group.add_argument("--draws", type=int, metavar="N", help="subpopulations per area of equal size (default: 100)")
    group.add_argument("--preset", metavar="NAME", help="a published design: runyan2017")
    group.add_argument("--information", action="append", metavar="COLUMN", help="decode this trial column; repeatable")
    group.add_argument("--seed", type=_natural, metavar="N", help="from which everything random follows (default: 0)")


def _add_network_options(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--networks", type=_natural, metavar="N", help="trained, of each kind (default: 3; 0: none)")
    group.add_argument("--task", metavar="NAME", help="on which (default: what the trial table tells of)")


_DATA = ("bin_width", "signal", "area", "area_map", "trials", "units", "covariate", "window", "block_length")
_FIT = ("folds", "inner_folds", "family", "penalties", "l1_ratio", "edges", "steps")
_NETWORK = {"networks": "n_networks", "task": "task"}
_STUDY = ("preset", "information", "seed")


def _run(arguments: argparse.Namespace) -> int:
    study = import_module("neurorec.study")
    if arguments.config is None:
        if not arguments.files:
            return _refuse("name an NWB file, or a study file with --config")
        config = study.config_from_dict(_settings(arguments))
        return _study(config, arguments, arguments.out or Path("neurorec_out"), source=None)
    options = ("files", *_DATA, *_FIT, "draws", *_NETWORK, *_STUDY)
    given = [name for name in options if getattr(arguments, name) not in (None, [])]
    if given:
        return _refuse(f"--config does not go with {given[0].replace('_', '-')}; write it into {arguments.config}")
    out = arguments.out or arguments.config.parent
    return _study(study.read_config(arguments.config), arguments, out, source=arguments.config)


def _demo(arguments: argparse.Namespace) -> int:
    file = import_module("neurorec.datasets").demo_path()
    config = import_module("neurorec.study").config_from_dict({"data": {"files": [str(file)]}})
    return _study(config, arguments, arguments.out, source=None)


def _reproduce(arguments: argparse.Namespace) -> int:
    tqdm = import_module("tqdm").tqdm
    with import_module("threadpoolctl").threadpool_limits(limits=arguments.threads):
        found = import_module("neurorec.study").reproduce_runyan2017(
            arguments.out,
            arguments.files,
            n_sessions=arguments.sessions,
            n_units=arguments.units,
            n_trials=arguments.trials,
            n_draws=arguments.draws,
            n_folds=arguments.folds,
            seed=arguments.seed,
            command=arguments.command,
            n_jobs=arguments.threads,
            say=lambda line: tqdm.write(f"neurorec: {line}", file=sys.stderr),
            progress=True,
        )
    print(f"{_aligned(import_module('neurorec.report').medians_table(found.units))}\n")
    print(f"{found.seconds:.0f} s of computing. Written:")
    print("\n".join(f"  {path}" for path in found.written))
    for name, reason in found.failures.items():
        print(f"neurorec: not analysed: {name}: {reason}", file=sys.stderr)
    return _PARTLY if found.failures else _DONE


def _calibrate(arguments: argparse.Namespace) -> int:
    study = import_module("neurorec.study")
    chosen = {name: getattr(arguments, name) for name in ("gains", "seen") if getattr(arguments, name) is not None}
    with import_module("threadpoolctl").threadpool_limits(limits=arguments.threads):
        found = study.calibrate_recurrence(
            arguments.out,
            n_networks=arguments.networks,
            n_units=arguments.units,
            n_trials=arguments.trials,
            peak_rate=arguments.peak_rate,
            seed=arguments.seed,
            command=arguments.command,
            n_jobs=arguments.threads,
            progress=True,
            **chosen,
        )
    print(f"{_aligned(import_module('neurorec.report').calibration_table(found.points))}\n")
    print(f"{found.seconds:.0f} s of computing. Written:")
    print("\n".join(f"  {path}" for path in found.written))
    return _DONE


def _show(arguments: argparse.Namespace) -> int:
    with import_module("threadpoolctl").threadpool_limits(limits=arguments.threads):
        found = import_module("neurorec.study").reproduce_classic(
            arguments.name,
            arguments.out,
            full=arguments.full,
            seed=arguments.seed,
            command=arguments.command,
            n_jobs=arguments.threads,
            progress=True,
        )
    print(f"{_aligned(import_module('neurorec.report').claims_table(found.findings))}\n")
    print(f"{found.seconds:.0f} s of computing. Written:")
    print("\n".join(f"  {path}" for path in found.written))
    return _DONE


def _inspect(arguments: argparse.Namespace) -> int:
    io = import_module("neurorec.io")
    inspection = io.inspect_nwb(arguments.file)
    print(json.dumps(inspection, indent=2) if arguments.json else io.describe_inspection(inspection))
    return _DONE


def _settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the settings that were given, as a study file would hold them."""
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    data = {name: given[name] for name in _DATA if name in given}
    if "area_map" in data:
        data["area"] = _area_map(data.pop("area_map"))
    if "covariate" in data:
        data["covariates"] = data.pop("covariate")
    data["files"] = [os.path.abspath(file) for file in arguments.files]
    fit = {name: given[name] for name in _FIT if name in given}
    if "draws" in given:
        fit["n_draws"] = given["draws"]
    network = {name: given[option] for option, name in _NETWORK.items() if option in given}
    return {"data": data, "fit": fit, "network": network} | {name: given[name] for name in _STUDY if name in given}


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        refusal = import_module("neurorec.recording").FileError
        raise refusal(path, expected="lines OLD=NEW", found="no text", remedy="name a text file") from error


def _area_map(items: Sequence[str]) -> dict[str, str]:
    """Read pairs OLD=NEW, given as such or line by line in a file."""
    pairs = []
    for item in items:
        pairs += [item] if "=" in item else _lines(item)
    found = {}
    for pair in pairs:
        old, equals, new = (part.strip() for part in pair.partition("="))
        if equals:
            found[old] = new
        elif old and not old.startswith("#"):
            refusal = import_module("neurorec.recording").InputError
            raise refusal("--area-map", expected="OLD=NEW", found=repr(pair), remedy="write one pair per line")
    return found


def _study(config: Any, arguments: argparse.Namespace, out: Path, *, source: Path | None) -> int:
    """Run a study and print what came of it."""
    tqdm = import_module("tqdm").tqdm
    limits = import_module("threadpoolctl").threadpool_limits
    with limits(limits=arguments.threads):
        outcome = import_module("neurorec.study").run_study(
            config,
            out,
            source=source,
            command=arguments.command,
            n_jobs=arguments.threads,
            say=lambda line: tqdm.write(f"neurorec: {line}", file=sys.stderr),
            progress=True,
        )
    report = import_module("neurorec.report")
    print(f"{report.answer(outcome.table)}\n\n{_aligned(report.by_area_table(outcome.table))}\n")
    memory = f", at most {outcome.peak_memory / 1e9:.2f} GB" if outcome.peak_memory else ""
    print(f"{outcome.seconds:.0f} s of computing{memory}. Written:")
    print("\n".join(f"  {path}" for path in outcome.written))
    for session, reason in outcome.failures.items():
        print(f"neurorec: not analysed: {session}: {reason}", file=sys.stderr)
    return _PARTLY if outcome.failures else _DONE


def _aligned(table: Any) -> str:
    """Set a table of text in columns, the first to the left and the others to the right."""
    rows = [table.heads, *table.rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.heads))]
    lines = [[row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:]))] for row in rows]
    return "\n".join("  ".join(line).rstrip() for line in lines)


def _refuse(message: str) -> int:
    print(f"neurorec: {message}", file=sys.stderr)
    return _FAILED

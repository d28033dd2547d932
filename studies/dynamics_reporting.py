"""The report of dynamics.py: tables in Markdown, and figures."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from neurorec.plot import line_attractor
from neurorec.plot.canvas import note, start_axes
from neurorec.plot.palette import COLOURS, FAINT, INK, MUTED, readable

STREAMS = {"motion": COLOURS[0], "colour": COLOURS[1]}
INDEX = (COLOURS[0], COLOURS[8], COLOURS[1], COLOURS[3])  # by the number of unstable directions
NAMES = {"leaky": "leaky", "elman": "Elman", "gru": "GRU", "lstm": "LSTM"}
EXPECTED = (8, 12, 6, 1)


def markdown(found: dict[str, dict]) -> str:
    """The tables of the parts that are there."""
    return "\n\n".join(f"### {TITLES[name]}\n\n{TABLES[name](part)}" for name, part in found.items())


def draw_all(found: dict[str, dict], folder: Path) -> None:
    """A figure of each part, into ``dynamics_<part>.png``."""
    for name, part in found.items():
        size, draw = FIGURES[name]
        save(folder / f"dynamics_{name}.png", size, lambda figure, part=part, draw=draw: draw(part, figure))


def save(path: Path, size: tuple[float, float], draw: Callable[[Figure], None]) -> None:
    """Draw a figure into a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure)
    figure.savefig(path, dpi=100)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median, lowest and highest."""
    low, high = np.min(values), np.max(values)
    return f"{np.median(values):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _integrator(part: dict) -> str:
    keys = ("formula", "linearised", "measured")
    linear = [[f"{row['largest']:g}", *(f"{row[key]:.4f}" for key in keys)] for row in part["linear"]]
    head = ["largest eigenvalue", "`tau / (1 - lambda)`, s", "`linearise`, s", "decay of simulated activity, s"]
    said = "Linear networks of 20 units, tau 0.1 s, steps of 1 ms; another 19 eigenvalues between -0.4 and 0.4."
    rows = []
    for row in part["rows"]:
        score = "" if row["score"] is None else f"{row['score']:.3f}"
        cells = [row["network"], row["seed"], score, row["kind"], row["n_points"], f"{row['line_score']:.2f}"]
        cells += [f"{row['p_value']:.3f}", f"{row['gap']:.1f}", f"{row['reach'][0]:.2f} to {row['reach'][1]:.2f}"]
        rows.append([*cells, spread(row["tau"], 1), spread(row["moved"], 3)])
    names = ["network", "seed", "variance explained", "kind", "slow points", "score", "p", "next mode, times as fast"]
    names += ["eye positions on it", "time constants, s", "the eye moves in 1 s"]
    trained = (
        f"Leaky networks of 64 units, {part['n_steps']} updates; p among 19 networks with weights drawn anew. Medians "
        "over points (and range)."
    )
    return f"{said}\n\n{table(head, linear)}\n\n{trained}\n\n{table(names, rows)}"


def _context(part: dict) -> str:
    said = (
        f"Leaky networks of {part['n_units']} units. An ideal observer is right in {part['best']:.3f}; the criterion, "
        f"at which training ends by default, is {part['criterion']:.3f}. Loss and score: 10,000 new trials; "
        f"who knows the sum of the evidence is left with a loss of {part['floor']:.3f} in them. Slow: at most 2 % "
        "of the spread of states in a step of 20 ms. Effect: `l dF/du`, how far one unit of a stream moves the state "
        "along the line in a step (size of the median over points); cosine: of the angle between the selection vector "
        "l and the input."
    )
    rows = []
    for row in part["rows"]:
        other = "colour" if row["context"] == "motion" else "motion"
        effect = {s: abs(np.median(row[f"effect_{s}"])) for s in STREAMS}
        cosine = {s: abs(np.median(row[f"cosine_{s}"])) for s in STREAMS}
        rows.append(
            [
                row["n_updates"],
                row["seed"],
                f"{row['loss']:.3f}",
                f"{row['score']:.3f}",
                row["context"],
                row["kind"],
                f"{row['line_score']:.2f}",
                f"{row['p_value']:.3f}",
                f"{min(row['outputs']):.2f} to {max(row['outputs']):.2f}",
                spread(row["tau"]),
                *(f"{effect[s]:.3f}" for s in (row["context"], other)),
                *(f"{cosine[s]:.3f}" for s in (row["context"], other)),
            ]
        )
    head = ["updates", "seed", "loss", "right", "context", "kind", "score", "p", "outputs along it"]
    head += ["time constants, s", "effect of the stream that counts", "of the other", "cosine, that counts", "other"]
    return f"{said}\n\n{table(head, rows)}"


def _flip_flop(part: dict) -> str:
    rows = []
    for row in part["rows"]:
        places = [f"{seen} of {n}" for seen, n in zip(row["places"], EXPECTED, strict=True)]
        index = "; ".join(str(n) for n in row["index"])
        cells = [NAMES[row["network"]], row["seed"], f"{row['score']:.4f}", row["n_points"], index, *places]
        rows.append([*cells, f"{row['q']:.0e}", row["n_slow"]])
    head = ["network", "seed", "steps right", "fixed points", "with 0; 1; 2; 3; 4 unstable directions"]
    head += ["corners", "edges", "faces", "middle", "largest q", "slow points beside them"]
    said = (
        "64 units, three bits, 512 starts and the middles of all pairs of points found. The last columns count the "
        "places of the cube (corners, middles of its edges, of its faces, of itself, by the outputs) that have a fixed "
        "point with the right number of unstable directions: 0, 1, 2 and 3."
    )
    return f"{said}\n\n{table(head, rows)}"


def _chaos(part: dict) -> str:
    gains = (0.7, 0.85, 1.0, 1.15, 1.3, 1.6, 2.0)
    rows = []
    for n_units in sorted({row["n_units"] for row in part["rows"]}):
        of = [row for row in part["rows"] if row["n_units"] == n_units]
        at = [[row["exponent"][row["gain"].index(g)] for row in of] for g in gains]
        rows.append([n_units, *(spread(values, 3) for values in at), spread([row["critical"] for row in of])])
    head = ["units", *(f"g = {g:g}" for g in gains), "reaches 0 at g ="]
    cells = [[f"{r['gain']:g}", f"{r['largest']:.3f}", f"{r['dimension']:.1f}"] for r in part["dimensions"]]
    lorenz = part["lorenz"]
    seen = [f"{v:.3f} (s.e. {e:.3f})" for v, e in zip(lorenz["exponents"], lorenz["error"], strict=True)]
    return "\n\n".join(
        [
            "Largest exponent per step, of tanh maps `x <- tanh(g W x)` with normal weights of variance 1 / N; three "
            "draws of the weights each.",
            table(head, rows),
            "Of one network of 100 units, all exponents:",
            table(["g", "largest exponent", "Kaplan-Yorke dimension"], cells),
            "Lorenz's system, 2000 units of time in steps of 0.01:",
            table(
                ["", "first", "second", "third", "Kaplan-Yorke dimension"],
                [["found", *seen, f"{lorenz['dimension']:.3f}"], ["published", "0.906", "0", "-14.572", "2.062"]],
            ),
        ]
    )


def _draw_integrator(part: dict, figure: Figure) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.7))
    ax = start_axes(left)
    formula, seen = (np.array([row[key] for row in part["linear"]]) for key in ("formula", "measured"))
    ends = formula.min() / 1.4, formula.max() * 1.4
    ax.plot(ends, ends, color=MUTED, linewidth=0.9)
    ax.plot(formula, seen, "o", color=COLOURS[0], markersize=6)
    for row in part["linear"]:
        where = {"xytext": (6, -9), "textcoords": "offset points", "fontsize": 8, "color": MUTED}
        ax.annotate(f"lambda {row['largest']:g}", (row["formula"], row["measured"]), **where)
    ax.set(xscale="log", yscale="log", xlim=ends, ylim=ends)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value:g}")
    ax.set_xlabel("tau / (1 - lambda), s")
    ax.set_ylabel("time constant of simulated activity, s")
    ax.set_title("linear networks", loc="left", fontsize=10, color=INK)
    line = part["line"]
    values = {name: np.array(value, dtype=float) for name, value in line["values"].items()}
    line_attractor(xr.Dataset({n: (line["dims"][n], v) for n, v in values.items()}, attrs=line["attrs"]), ax=right)
    right.set_title("a trained leaky network", loc="left", fontsize=10, color=INK)


def _draw_context(part: dict, figure: Figure) -> None:
    axes, shown = figure.subplots(1, 3, width_ratios=(1, 1, 0.8)), part["shown"]
    for ax, name in zip(axes, STREAMS, strict=False):
        start_axes(ax)
        strengths = sorted(map(float, shown[name]["paths"]))
        for strength in strengths:
            path = np.array(shown[name]["paths"][f"{strength:g}"])
            shade = 0.3 + 0.7 * abs(strength) / max(strengths)
            colour = COLOURS[0] if strength > 0 else COLOURS[1]
            ax.plot(path[:, 0], path[:, 1], color=colour, alpha=shade, linewidth=1.6)
            ax.plot(*path[-1, :2], "o", color=colour, alpha=shade, markersize=4)
        line = np.array(shown[name]["line"])
        ax.plot(line[:, 0], line[:, 1], color=INK, linewidth=0.8, zorder=4)
        ax.plot(line[:, 0], line[:, 1], "o", color=INK, markersize=3, zorder=5)
        ax.set_xlabel(f"component 1 ({shown['explained'][0]:.0%} of the variance)")
        ax.set_title(f"{name} counts", loc="left", fontsize=10, color=readable(STREAMS[name]), fontweight="bold")
    ends = [axes[0].get_ylim(), axes[1].get_ylim()], [axes[0].get_xlim(), axes[1].get_xlim()]
    for ax in axes[:2]:
        ax.set_ylim(min(e[0] for e in ends[0]), max(e[1] for e in ends[0]))
        ax.set_xlim(min(e[0] for e in ends[1]), max(e[1] for e in ends[1]))
    axes[0].set_ylabel(f"component 2 ({shown['explained'][1]:.0%})")
    handles = [Line2D([], [], color=INK, marker="o", markersize=3, linewidth=0.8)]
    handles += [Line2D([], [], color=COLOURS[k], linewidth=1.6) for k in (0, 1)]
    words = ["slow points", "evidence for right", "for left (strong: dark)"]
    axes[0].legend(handles, words, frameon=False, fontsize=8, loc="best")
    ax = start_axes(axes[2])
    ax.axhline(0, color=FAINT, linewidth=0.8)
    rng = np.random.default_rng(0)
    long = [row for row in part["rows"] if row["training"] == "long"]
    for place, context in enumerate(STREAMS):
        for shift, stream in ((-0.2, "motion"), (0.2, "colour")):
            for row in long:
                if row["context"] == context:
                    values = np.abs(row[f"effect_{stream}"])
                    at = place + shift + rng.uniform(-0.1, 0.1, len(values))
                    ax.plot(at, values, "o", color=STREAMS[stream], markersize=2.5, alpha=0.4, markeredgewidth=0)
            of = [np.median(np.abs(row[f"effect_{stream}"])) for row in long if row["context"] == context]
            median = float(np.median(of))
            ax.plot([place + shift - 0.14, place + shift + 0.14], [median] * 2, color=INK, linewidth=1.8)
            where = {"ha": "center", "va": "bottom", "fontsize": 8, "color": readable(STREAMS[stream])}
            ax.text(place + shift, 1.0, stream, transform=ax.get_xaxis_transform(), **where)
    ax.set_xticks(range(2), [f"{name} counts" for name in STREAMS])
    ax.set_xlim(-0.5, 1.5)
    every = np.abs([v for row in long for stream in STREAMS for v in row[f"effect_{stream}"]])
    top = 1.1 * float(np.quantile(every, 0.97))
    ax.set_ylim(0, top)
    note(ax, f"{(every > top).sum()} of {every.size} points lie above")
    ax.set_ylabel("effect of the stream along the line, per step")


def _draw_flip_flop(part: dict, figure: Figure) -> None:
    for place, (kind, shown) in enumerate(part["shown"].items()):
        ax: Any = figure.add_subplot(1, len(part["shown"]), place + 1, projection="3d")
        for path in np.array(shown["trajectory"], dtype=float)[:4]:
            ax.plot(*path.T, color=FAINT, linewidth=0.6, zorder=1)
        score, index = np.array(shown["score"]), np.array(shown["n_unstable"])
        fixed = np.array(shown["converged"])
        for count, colour in enumerate(INDEX):
            here = fixed & (np.minimum(index, 3) == count)
            face = colour if count == 0 else "white"
            look = {"s": 34, "edgecolors": colour, "linewidths": 1.5, "depthshade": False, "zorder": 5}
            ax.scatter(*score[here].T, c=face, **look)
        ax.set_title(f"{NAMES[kind]}: {fixed.sum()} fixed points", fontsize=10, color=INK)
        ax.view_init(elev=22, azim=-62)
        ax.set_box_aspect(None, zoom=1.22)
        for axis, name in ((ax.xaxis, "1"), (ax.yaxis, "2"), (ax.zaxis, "3")):
            axis.set_ticklabels([])
            axis.set_pane_color((1, 1, 1, 0))
            axis.line.set_color(MUTED)
            axis._axinfo["grid"]["color"] = "#ECEEF1"
            axis.set_label_text(f"component {name}", fontsize=8, color=INK)
            axis.labelpad = -12
    words = ["stable", "1 unstable direction", "2", "3 or more"]
    handles = [
        Line2D([], [], color=c, marker="o", linestyle="", markerfacecolor=c if k == 0 else "white", markeredgewidth=1.5)
        for k, c in enumerate(INDEX)
    ]
    figure.legend(handles, words, loc="outside lower center", ncols=4, frameon=False, fontsize=9)


def _draw_chaos(part: dict, figure: Figure) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(1.5, 1))
    ax = start_axes(left)
    ax.axhline(0, color=MUTED, linewidth=0.9)
    ax.axvline(1, color=MUTED, linewidth=0.9, linestyle="--")
    sizes = sorted({row["n_units"] for row in part["rows"]})
    for n_units, colour in zip(sizes, (COLOURS[1], COLOURS[8], COLOURS[3], COLOURS[0]), strict=True):
        for k, row in enumerate(r for r in part["rows"] if r["n_units"] == n_units):
            said = f"{n_units} units" if k == 0 else None
            ax.plot(
                row["gain"], row["exponent"], "o-", color=colour, markersize=3, linewidth=1.2, alpha=0.8, label=said
            )
    ax.legend(frameon=False, fontsize=8.5, loc="lower right")
    ax.set_xlabel("gain g")
    ax.set_ylabel("largest Lyapunov exponent, per step")
    ax = start_axes(right)
    gain, dimension = (np.array([row[key] for row in part["dimensions"]]) for key in ("gain", "dimension"))
    ax.plot(gain, dimension, "o-", color=COLOURS[8], linewidth=1.6, markersize=5)
    ax.set_ylim(0)
    ax.set_xlabel("gain g, 100 units")
    ax.set_ylabel("Kaplan-Yorke dimension")


TITLES = {
    "integrator": "The oculomotor integrator",
    "context": "Integration in context",
    "flip_flop": "The three-bit flip-flop",
    "chaos": "Random networks, and Lorenz's system",
}
TABLES: dict[str, Callable[[dict], str]] = {
    "integrator": _integrator,
    "context": _context,
    "flip_flop": _flip_flop,
    "chaos": _chaos,
}
FIGURES: dict[str, tuple[tuple[float, float], Callable[[dict, Figure], None]]] = {
    "integrator": ((10.5, 4.2), _draw_integrator),
    "context": ((12.0, 4.4), _draw_context),
    "flip_flop": ((12.0, 4.2), _draw_flip_flop),
    "chaos": ((10.0, 4.0), _draw_chaos),
}

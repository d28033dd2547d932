"""The report of classic_results.py: tables in Markdown, and figures."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.cluster.hierarchy import dendrogram, linkage
from scipy.stats import norm

from neurorec.plot.canvas import start_axes
from neurorec.plot.palette import COLOURS, INK, MUTED, readable

LOOKS = {
    "lstm": (COLOURS[0], "o-"),
    "elman": (COLOURS[1], "s-"),
    "elman, slow": (COLOURS[6], "v-"),
    "elman, weak start": (COLOURS[8], "^--"),
    "tapped_delay": (COLOURS[3], "d:"),
}


def markdown(found: dict[str, dict]) -> str:
    """The tables of the parts that are there."""
    return "\n\n".join(f"### {TITLES[name]}\n\n{TABLES[name](part)}" for name, part in found.items())


def draw_all(found: dict[str, dict], folder: Path) -> None:
    """A figure of each part, into ``classic_<part>.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in found.items():
        if name in FIGURES:
            size, draw = FIGURES[name]
            figure = Figure(figsize=size, layout="constrained")
            FigureCanvasAgg(figure)
            draw(part, figure)
            figure.savefig(folder / f"classic_{name}.png", dpi=130)


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def spread(values: Sequence[float], digits: int = 3) -> str:
    """Median of the seeds, lowest and highest."""
    low, high = min(values), max(values)
    return f"{np.median(values):.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _xor(part: dict) -> str:
    rows = []
    for name, case in part["cases"].items():
        at = np.array(case["error"]).reshape(len(case["right"]), 4, 3).mean(axis=1)
        # the first of the twelve predictions is that of a triple's second bit
        rows.append([name, *(spread(at[:, k]) for k in (2, 0, 1)), spread(case["right"])])
    for name, error in part["rule"].items():
        rows.append([f"*the rule, {name}*", *(f"{error[k]:.3f}" for k in range(3)), "1.000"])
    head = ["network", "error at 1st bit", "2nd", "3rd", "3rd bits right"]
    said = f"{part['bits']} bits, {part['passes']} passes, one update a pass; tested on 4 new streams as long."
    return f"{said}\n\n{table(head, rows)}"


def _reber(part: dict) -> str:
    rows = []
    for name in ("trained", "before"):
        of = [row for row in part["rows"] if row["network"] == name]
        cells = [spread([row[f"{kind}_{n}"] for row in of], 2) for kind in ("rand", "purity") for n in (6, 12, 24)]
        label = "trained" if name == "trained" else "before training"
        rows.append([label, spread([row["score"] for row in of]), *cells])
    head = ["network", "exactly the legal letters"]
    head += [f"{kind}, {n} clusters" for kind in ("adjusted Rand", "purity") for n in (6, 12, 24)]
    said = f"{part['n_units']} units, {part['n_steps']} updates, errors back one step; {part['n_states']} states."
    return f"{said}\n\n{table(head, rows)}"


def _embedded(part: dict) -> str:
    rows = [[r["network"], r["back"], spread(r["score"]), spread(r["legal"]), max(r["steps"])] for r in part["rows"]]
    head = ["network", "errors go back", "last letter but one", "exactly the legal letters, all steps", "updates"]
    said = f"{part['n_units']} units, at most {part['n_steps']} updates; 2000 new strings; chance {part['chance']}."
    return f"{said}\n\n{table(head, rows)}"


def _gaps(part: dict) -> str:
    kinds = list(dict.fromkeys(row["network"] for row in part["rows"]))
    cells = {(row["gap"], row["network"]): row for row in part["rows"]}
    rows = [
        [gap, *(f"{spread(cells[gap, k]['score'], 2)}; {max(cells[gap, k]['steps'])}" for k in kinds)]
        for gap in sorted({row["gap"] for row in part["rows"]})
    ]
    said = (
        f"One of 4 symbols, to be said after the gap (steps); {part['n_units']} units, or {part['taps']} taps; at most "
        f"{part['n_steps']} updates, errors back all the way. Slow: a third of the learning rate of the others; weak "
        "start: recurrent weights of gain 0.5 instead of a rotation. Best score on held-out trials; updates of the "
        f"slowest seed. Who guesses a symbol is right in {part['chance']:.0%}; who says blank, never."
    )
    return f"{said}\n\n{table(['gap', *kinds], rows)}"


def _evidence(part: dict) -> str:
    rows = [
        [
            f"{row['noise']:g}",
            f"{row['best']:.3f}",
            spread(row["score"]),
            spread([ratio / row["observer"] for ratio in row["ratio"]]),
            spread([ratio / row["observer"] for ratio in row["quiet"]]),
            spread([abs(bias) for bias in row["bias"]]),
            f"{row['observer']:.3f}",
        ]
        for row in part["rows"]
    ]
    head = ["noise", "ideal observer right", "networks right", "slope ratio", "without private noise"]
    head += ["bias (coherence, absolute)", "the sum's slope beside theory"]
    said = (
        f"Leaky networks of {part['n_units']} units, {part['n_steps']} updates, one for each noise and seed; "
        f"{part['n_trials']} new trials. Slope ratio: that of the probit of choices on coherence, over that of choices "
        "by the sum of the same inputs; and the sum's own slope over what theory says, `sqrt(T) / noise`."
    )
    return f"{said}\n\n{table(head, rows)}"


def _characters(part: dict) -> str:
    rows = []
    for signal in dict.fromkeys(row["signal"] for row in part["rows"]):
        for name in ("trained", "before"):
            of = [row for row in part["rows"] if (row["network"], row["signal"]) == (name, signal)]
            label = "trained" if name == "trained" else "before training"
            best = [abs(row["best"][0]) for row in of]
            second = [abs(row["best"][1]) for row in of]
            cells = [spread(v, 2) for v in (best, second, [r["null"] for r in of], [r["held_out"] for r in of])]
            rows.append(
                [f"`{signal}`", label, *cells, f"{max(r['p'] for r in of):.3f}", spread([r["score"] for r in of])]
            )
    head = [
        "signal",
        "network",
        "best unit, absolute r",
        "second",
        "95 % of shifts below",
        "held out",
        "p",
        "characters right",
    ]
    said = (
        f"LSTM of {part['n_units']} units, {part['n_steps']} updates, 20,000 characters of `bracketed_text`; tested on "
        f"another such text, where a table of pairs of characters is right in {part['criterion']:.3f}. "
        f"{part['n_shuffles']} shifts; p is that of the best unit, of the seed with the largest. `depth_behind`: the "
        f"depth at the {part['n_behind']} steps one or two characters behind what has been closed, where no character "
        "since tells what is open still."
    )
    return f"{said}\n\n{table(head, rows)}"


def _loop(part: dict) -> str:
    rows = []
    for case in dict.fromkeys((r["network"], r["noise"]) for r in part["rows"]):
        for known in dict.fromkeys(r["known"] for r in part["rows"]):
            of = [r for r in part["rows"] if (r["network"], r["noise"], r["known"]) == (*case, known)]
            medians = [
                [1000 * float(np.median(r[name])) for r in of] for name in ("task", "benefit", "benefit_shuffled")
            ]
            label = case[0] if case[0] != "leaky" else f"leaky, private noise {case[1]:g}"
            units = f"{sum(r['significant'] for r in of)} of {len(of) * part['n_units']}"
            said = [spread(medians[0], 0), *(spread(v, 2).replace("-0.00", "0.00") for v in medians[1:])]
            rows.append([label, known, spread([r["score"] for r in of]), *said, units])
    head = ["network", "task columns", "right", "task explains", "benefit", "partners' trials exchanged", "units found"]
    said = (
        f"{part['n_units']} units, {part['n_trials']} trials of noise {part['evidence_noise']:g}, Poisson spikes of "
        f"{part['rate']:g} spikes/s at most; the "
        f"ideal observer is right in {part['best']:.3f}. Thousandths of the deviance, median over units: median over "
        "seeds, lowest to highest. Units found: false-discovery rate 0.05. What the task's columns know of the inputs "
        f"of the last {part['reach']:g} s: 8 smooth functions of them; every single step; and their sum since the "
        "trial began as well."
    )
    return f"{said}\n\n{table(head, rows)}"


TITLES = {
    "xor": "Temporal exclusive or",
    "reber": "The Reber grammar: states and nodes",
    "embedded": "The embedded grammar: how far errors go back",
    "gaps": "One symbol over a gap",
    "evidence": "Integration of evidence, beside the ideal observer",
    "characters": "Units that follow quotes and brackets",
    "loop": "The benefit of recurrence, in networks",
}
TABLES: dict[str, Callable[[dict], str]] = {
    "xor": _xor,
    "reber": _reber,
    "embedded": _embedded,
    "gaps": _gaps,
    "evidence": _evidence,
    "characters": _characters,
    "loop": _loop,
}


def _draw_xor(part: dict, figure: Figure) -> None:
    axes = figure.subplots(1, len(part["cases"]), sharey=True)
    # the first prediction is of a triple's second bit
    place = np.arange(12)
    for ax, (name, case) in zip(axes, part["cases"].items(), strict=True):
        start_axes(ax)
        for label, look in zip(part["rule"], (":", "--"), strict=True):
            line = np.array(part["rule"][label])[(place + 1) % 3]
            ax.plot(place + 2, line, look, color=MUTED, linewidth=1, label=f"the rule, {label}")
        for error in case["error"]:
            ax.plot(place + 2, error, "o-", color=COLOURS[0], markersize=3.5, linewidth=1.1)
        ax.set_title(name, fontsize=9.5, color=INK, loc="left")
        ax.set_xticks(range(3, 15, 3))
        ax.set_xlabel("bit that is predicted")
        ax.set_ylim(0, 0.4)
    axes[0].set_ylabel("mean squared error")
    axes[0].legend(frameon=False, fontsize=8, loc="upper left")


def _draw_reber(part: dict, figure: Figure) -> None:
    ax = start_axes(figure.add_subplot())
    node = np.array(part["tree"]["node"])
    joined = linkage(np.array(part["tree"]["states"]), method="average")
    drawn = dendrogram(joined, ax=ax, labels=node, color_threshold=0, above_threshold_color=MUTED, leaf_rotation=0)
    for label, leaf in zip(ax.get_xticklabels(), drawn["leaves"], strict=True):
        label.set_color(readable(COLOURS[node[leaf]]))
        label.set_fontweight("bold")
        label.set_fontsize(9)
    ax.set_ylabel("distance of hidden states")
    ax.set_xlabel("node of the grammar that each state belongs to")


def _draw_gaps(part: dict, figure: Figure) -> None:
    ax = start_axes(figure.add_subplot())
    kinds = list(dict.fromkeys(row["network"] for row in part["rows"]))
    for kind, aside in zip(kinds, np.geomspace(0.96, 1.04, len(kinds)), strict=True):
        of = [row for row in part["rows"] if row["network"] == kind]
        x, score = np.array([row["gap"] for row in of]), np.array([row["score"] for row in of])
        colour, look = LOOKS[kind]
        label = f"{kind}, {part['taps']} taps" if kind == "tapped_delay" else kind
        ax.plot(x * aside, np.median(score, axis=1), look[1:], color=colour, linewidth=1.2, alpha=0.7)
        ax.plot(x * aside, score, look[0], color=colour, markersize=4.5, alpha=0.7)
        ax.plot([], [], look, color=colour, markersize=5, linewidth=1.2, label=label)
    ax.axhline(part["chance"], color=MUTED, linestyle=":", linewidth=1)
    ax.annotate("a guess", (5, part["chance"]), xytext=(0, 3), textcoords="offset points", fontsize=8, color=MUTED)
    ax.set_xscale("log")
    ticks = sorted({row["gap"] for row in part["rows"]} - {18})
    ax.set_xticks(ticks, [str(k) for k in ticks])
    ax.minorticks_off()
    ax.set_ylim(-0.03, 1.05)
    ax.set_xlabel("gap (steps)")
    ax.set_ylabel("fraction recalled: each seed, and their median")
    ax.legend(frameon=False, fontsize=8.5, loc="center left", bbox_to_anchor=(1, 0.5))


def _draw_evidence(part: dict, figure: Figure) -> None:
    axes = figure.subplots(1, len(part["rows"]), sharey=True)
    for ax, row in zip(axes, part["rows"], strict=True):
        start_axes(ax)
        x = np.linspace(-0.42, 0.42, 200)
        ax.plot(x, norm.cdf(x / row["noise"]), color=MUTED, linewidth=1.5, label="ideal observer")
        for k, right in enumerate(row["right"]):
            ax.plot(row["coherence"], right, "o", color=COLOURS[k], markersize=4, label=f"network, seed {k}", alpha=0.8)
        title = f"noise {row['noise']:g}: slope ratio {np.median(row['ratio']) / row['observer']:.2f}"
        ax.set_title(title, fontsize=9.5, color=INK, loc="left")
        ax.set_xlabel("coherence")
    axes[0].set_ylabel("fraction of choices to the right")
    axes[0].legend(frameon=False, fontsize=8, loc="upper left")


def _draw_characters(part: dict, figure: Figure) -> None:
    shown = part["stretch"]
    n = len(shown["text"])
    for ax, name in zip(figure.subplots(2, 1), ("inside_quotes", "depth"), strict=True):
        start_axes(ax)
        unit, activity = shown[f"{name}_unit"]
        signal = np.array(shown[name])
        height = -1 + 2 * signal / max(signal.max(), 1)
        ax.fill_between(np.arange(n), -1, height, step="mid", color=COLOURS[4], alpha=0.5, linewidth=0)
        ax.plot(np.arange(n), activity, ".-", color=COLOURS[0], linewidth=1, markersize=4)
        ax.set_xticks(np.arange(n), shown["text"], fontsize=8, family="monospace")
        ax.tick_params(axis="x", length=0)
        ax.set_xlim(-1, n)
        ax.set_ylabel(f"unit {unit}")
        most = int(signal.max())
        said = "a quote is open" if name == "inside_quotes" else f"open brackets, up to {most}"
        ax.set_title(f"shaded: {said}", fontsize=9, color=INK, loc="left")


def _draw_loop(part: dict, figure: Figure) -> None:
    ax = start_axes(figure.add_subplot())
    rng, labels = np.random.default_rng(0), {}
    known = list(dict.fromkeys(r["known"] for r in part["rows"]))
    cases = list(dict.fromkeys((r["network"], r["noise"], r["known"]) for r in part["rows"]))
    for place, case in enumerate(cases):
        of = [r for r in part["rows"] if (r["network"], r["noise"], r["known"]) == case]
        values = 1000 * np.concatenate([r["benefit"] for r in of])
        colour = COLOURS[known.index(case[2])]
        ax.plot(place + rng.uniform(-0.2, 0.2, values.size), values, ".", color=colour, markersize=4, alpha=0.6)
        ax.hlines(np.median(values), place - 0.3, place + 0.3, color=INK, linewidth=1.5, zorder=5)
        if place % len(known) == 0:
            noise = "" if case[0] != "leaky" else f"\nprivate noise {case[1]:g}"
            labels[place + (len(known) - 1) / 2] = case[0].replace("_", " ") + noise
    ax.axhline(0, color=MUTED, linewidth=0.8, linestyle=":")
    ax.set_xticks(list(labels), list(labels.values()), fontsize=9)
    ax.tick_params(axis="x", length=0)
    marks = [Line2D([], [], marker="o", linestyle="", markersize=4, color=COLOURS[k]) for k in range(len(known))]
    ax.legend(
        marks,
        known,
        title="task columns",
        frameon=False,
        fontsize=8.5,
        title_fontsize=8.5,
        loc="upper left",
        bbox_to_anchor=(1, 1),
    )
    ax.set_yscale("symlog", linthresh=1.0)
    ax.set_yticks([-1, 0, 1, 10], ["-1", "0", "1", "10"])
    ax.minorticks_off()
    ax.set_ylabel("benefit (thousandths of the deviance)")


FIGURES: dict[str, tuple[tuple[float, float], Callable[[dict, Figure], None]]] = {
    "xor": ((10, 3.4), _draw_xor),
    "reber": ((11, 4), _draw_reber),
    "gaps": ((8, 4), _draw_gaps),
    "evidence": ((10, 3.4), _draw_evidence),
    "characters": ((13, 4.6), _draw_characters),
    "loop": ((9, 4.2), _draw_loop),
}

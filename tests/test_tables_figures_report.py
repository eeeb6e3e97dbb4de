import io
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from commonwatt.benchmarks import (
    experiment,
    figures,
    markup,
    registry,
    report,
    suite_sections,
    suites,
    suites_allocation,
    tables,
)
from commonwatt.benchmarks.compare import RUN_COLUMNS, assemble, evaluate
from commonwatt.benchmarks.figures_allocation import levels_figure, supply_figure, year_figure
from commonwatt.instances.allocation import AllocationInstance
from commonwatt.instances.record import Meta
from commonwatt.models.problem import problem
from commonwatt.solvers.method import call
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

modest = settings(derandomize=True, max_examples=150, deadline=None)

HOSTILE = '</td><script>alert("x")</script> & $\\frac{1$ | *b* %_#\n☃💥 ../../up'


def community(name="tests/five", intervals=4, seed=0, **changes):
    rng = np.random.default_rng(seed)
    excess = np.zeros((intervals, 5))
    excess[:, 4] = np.linspace(2.0, 6.0, intervals)
    data = {
        "meta": Meta(name=name, title="Five households", description="For tests."),
        "interval": [f"2030-06-{day + 1:02d}T00:00:00Z" for day in range(intervals)],
        "deficiency_kwh": np.column_stack([rng.uniform(1.0, 4.0, (intervals, 4)), np.zeros(intervals)]),
        "excess_kwh": excess,
        "weight": [3.0, 2.0, 2.0, 1.0, 1.0],
        "priority": [4, 3, 2, 1, 5],
        "dt_h": 24.0,
    }
    return AllocationInstance(**(data | changes))


def compared(instance, *methods, seed=0):
    runs = [evaluate(instance, call("allocation", method), seed=seed) for method in methods]
    return assemble(instance, pd.concat(runs, ignore_index=True))


def comparison(rows):
    """A comparison by one criterion, written by hand: (method, status, value, gap, exact_for)."""
    frame = pd.DataFrame(rows, columns=["method", "status", "score", "score_gap", "exact_for"])
    frame["score_bound_by"] = "duality (a)"
    blank = frame.assign(kind="kernel", seconds=0.5, runs=1, feasible=True, optimal_for="", conflict="", reason="")
    return blank


# --- numbers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, "–"),
        (None, "–"),
        (pd.NA, "–"),
        (math.inf, "∞"),
        (0.0, "0"),
        (-0.0, "0"),
        (3.0, "3"),
        (123456789, "123456789"),
        (0.123456, "0.1235"),
        (0.5, "0.5000"),
        (123.456, "123.5"),
        (999.96, "1000"),
        (12345.678, "12346"),
        (-12.3456, "-12.35"),
        (1.23456e9, "1.235e+09"),
        (0.0000123456, "1.235e-05"),
        (np.float64(2.25), "2.250"),
        (np.int64(7), "7"),
        (np.True_, "yes"),
        (False, "no"),
        ("not run: size", "not run: size"),
    ],
)
def test_numbers_have_four_significant_digits(value, text):
    assert tables.format_number(value) == text


@given(st.floats(min_value=1e-300, max_value=1e300))
@modest
def test_printed_numbers_are_within_half_a_unit_of_the_fourth_digit(value):
    assert float(tables.format_number(value)) == pytest.approx(value, rel=5.001e-4)


@pytest.mark.parametrize(
    ("gap", "text"),
    [
        (0.0, "0.0 %"),
        (-1e-9, "0.0 %"),
        (0.1234, "12.3 %"),
        (-0.05, "-5.0 %"),
        (2.34e-5, "<0.1 %"),
        (-2.34e-5, ">-0.1 %"),
        (math.nan, "–"),
    ],
)
def test_gaps_are_percents(gap, text):
    assert tables.format_gap(gap) == text


# --- comparisons -------------------------------------------------------------------------------------------------


def with_bound(frame, bound):
    frame.attrs["bounds"] = {"score": bound}
    return frame


def test_view_puts_bounds_on_top_and_marks_best_claims_and_conflicts():
    rows = [
        ("a", "optimal", 10.0, 0.0, "score"),
        ("b", "feasible", 9.0, 0.1, "score"),
        ("c", "feasible", 8.5, 0.15, ""),
        ("d", "violated", 11.0, math.nan, ""),
        ("e", "not run: size", math.nan, math.nan, "score"),
    ]
    view = tables.comparison_view(with_bound(comparison(rows), 10.0))
    assert list(view["method"]) == ["bound", "proved by", "a", "b", "c", "d", "e"]
    assert list(view["score"]) == [
        "10",
        "duality (a)",
        "10 (0.0 %)† ★",
        "9 (10.0 %)§",
        "8.500 (15.0 %)",
        "11 (–)",
        "–",
    ]
    assert list(view["status"])[-1] == "not run: size"
    assert [symbol for symbol in "★†§‡" if symbol in tables.legend(view)] == ["★", "†", "§"]
    conflict = tables.comparison_view(comparison([("a", "feasible", 10.0, 0.0, ""), ("f", "feasible", 12.0, -0.2, "")]))
    assert list(conflict["score"])[2:] == ["10 (0.0 %)", "12 (-20.0 %)‡ ★"]
    assert "‡" in tables.legend(conflict)
    assert "†" not in tables.legend(conflict)


def test_bounds_that_nobody_attains_are_shown_only_where_they_are_known():
    rows = comparison([("a", "feasible", 9.0, 0.1, "")])
    assert tables.comparison_view(rows)["score"][0] == "–"
    assert tables.comparison_view(with_bound(rows, 10.0))["score"][0] == "10"


def test_remarks_and_seeds_are_shown_where_there_are_any():
    rows = comparison([("a", "optimal", 9.0, 0.0, "")])
    assert {"runs", "remark"}.isdisjoint(tables.comparison_view(rows).columns)
    shown = tables.comparison_view(rows.assign(runs=3, reason="too large", conflict="beats b"))
    assert shown["runs"][2] == "3"
    assert shown["remark"][2] == "beats b; too large"


def test_view_of_a_real_comparison_shows_values_of_the_rules():
    frame = compared(community(), "water_filling", "greedy")
    # Nobody here is exact for fairness; the bound comes from the kernel that is.
    assert frame.attrs["bounds"]["fairness"] > frame["fairness"].max()
    assert set(frame["fairness_bound_by"]) == {"duality (game_theoretic)"}
    view = tables.comparison_view(frame)
    best = view.loc[view["method"] == "water_filling", "social_welfare"].item()
    assert best == f"{tables.format_number(frame['social_welfare'][0])} (0.0 %)† ★"
    assert view["social_welfare"][0] == tables.format_number(frame["social_welfare"][0])
    assert not view.loc[view["method"] == "greedy", "social_welfare"].item().endswith("★")


def test_summary_averages_over_instances_and_prefers_those_that_cover_all():
    first = comparison([("a", "feasible", 9.0, 0.1, ""), ("b", "feasible", 9.5, 0.05, "")])
    second = comparison([("a", "feasible", 7.0, 0.3, ""), ("b", "not run: size", math.nan, math.nan, "")])
    summary = tables.gap_summary({"x": first, "y": second})
    assert list(summary["score_gap"]) == [pytest.approx(0.2), 0.05]
    assert list(summary["score_worst_gap"]) == [0.3, 0.05]
    assert list(summary["score_instances"]) == [2, 1]
    assert list(tables.summary_view(summary)["score"]) == ["20.0 % (30.0 %) ★", "5.0 % (5.0 %) [1 of 2]"]


# --- files -------------------------------------------------------------------------------------------------------


def test_csv_keeps_every_bit(tmp_path):
    numbers = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -0.0, math.nan, 123456789.123456789]
    frame = pd.DataFrame({"x": numbers, "n": range(7), "name": ["a,b", 'q"q', "ü", "l\nl", "x", "y", "z"]})
    paths = tables.write_table(frame, tmp_path, "some/table", caption="Numbers")
    assert [path.name for path in paths] == ["some-table.md", "some-table.csv", "some-table.tex"]
    back = pd.read_csv(paths[1])
    np.testing.assert_array_equal(back["x"].to_numpy(), frame["x"].to_numpy())
    assert list(back["name"]) == list(frame["name"])


def test_best_values_are_bold_by_their_sense_and_ties_share_it(tmp_path):
    frame = pd.DataFrame({"m": ["a", "b", "c", "d"], "cost": [2.0, 1.0, 1.0, math.nan], "gain": [2.0, 1.0, 3.0, 0.0]})
    paths = tables.write_table(frame, tmp_path, "best", caption="Best", best={"cost": "min", "gain": "max"})
    markdown, latex = paths[0].read_text("utf-8"), paths[2].read_text("utf-8")
    assert re.findall(r"\*\*(\S+)\*\*", markdown) == ["Best", "1", "1", "3"]
    assert re.findall(r"\\textbf\{(\S+)\}", latex) == ["1", "1", "3"]
    assert "★" not in markdown + latex


def test_markdown_columns_line_up_and_numbers_stand_right():
    frame = pd.DataFrame({"method": ["a", "water_filling", "数"], "value": ["–", "1.5 (0.0 %) ★", "12"]})
    lines = markup.to_markdown(frame, "Caption", "Note").splitlines()
    grid = [line for line in lines if line.startswith("|")]
    assert len({markup._width(line) for line in grid}) == 1
    assert re.fullmatch(r"\| -+ \| -+: \|", grid[1])
    assert grid[3].endswith("**1.5 (0.0 %)** |")
    assert grid[4].endswith(" 12 |")
    assert "water_filling" in grid[3]


def split_cells(line):
    return re.split(r"(?<!\\)\|", line.replace("\\\\", "  "))


@given(st.text(max_size=30))
@modest
def test_no_text_breaks_a_markdown_table(text):
    lines = markup.to_markdown(pd.DataFrame({"name": [text], "x": ["1"]}), text).splitlines()
    grid = lines[2:]
    assert len(grid) == 3
    assert {len(split_cells(line)) for line in grid} == {4}
    assert "<" not in "".join(lines)


def bare(latex):
    """LaTeX without what is allowed: escaped characters, our commands and our mathematics."""
    known = "|".join(re.escape(code) for code in sorted(markup.LATEX.values(), key=len, reverse=True))
    return re.sub(known, "", latex)


@given(st.text(max_size=30))
@modest
def test_no_text_breaks_latex(text):
    escaped = markup.escape_latex(text)
    rest = bare(escaped)
    assert not set(rest) & set("%_&#{}$\\^~\n\r\x00")
    assert all(ord(char) < 0x180 for char in rest)


def test_latex_names_what_it_prints():
    assert markup.escape_latex("50 % of a_b & #1 {x} \\ ~^") == (
        r"50 \% of a\_b \& \#1 \{x\} \textbackslash{} \textasciitilde{}\textasciicircum{}"
    )
    assert markup.escape_latex("Σ w log₂ m² – √kWh é") == r"$\Sigma$ w log$_2$ m$^2$ -- $\surd$kWh é"
    assert markup.escape_latex("☃") == "[U+2603]"
    latex = markup.to_latex(pd.DataFrame({"a_b": ["[x]"], "n": ["1.0"]}), "C", label="my_table")
    for part in (r"\begin{tabular}{lr}", r"a\_b & n \\", r"{}[x] & 1.0 \\", r"\toprule", r"\label{tab:my-table}"):
        assert part in latex
    assert "resizebox" not in latex


def test_wide_tables_are_set_in_parts_that_repeat_the_first_column():
    view = pd.DataFrame({"method": ["m"]} | {f"c{number}": ["x" * 40] for number in range(4)} | {"remark": ["y " * 80]})
    latex = markup.to_latex(view, "C")
    heads = re.findall(r"\\toprule\n(.*) \\\\\n", latex)
    assert heads == ["method & c0 & c1", "method & c2 & c3", "method & remark"]
    assert latex.count("{}m & ") == 3
    assert re.findall(r"\\caption\{(.*)\}", latex) == ["C (1 of 3)", "C (2 of 3)", "C (3 of 3)"]
    assert latex.count(r"\begin{table}") == latex.count(r"\end{table}") == 3
    assert latex.count(r"\resizebox") == 2
    assert r"{lp{0.55\linewidth}}" in latex
    assert latex.count("{") == latex.count("}")


@given(st.lists(st.text(min_size=1, max_size=20), min_size=2, max_size=2, unique=True))
@modest
def test_file_names_are_safe_and_differ(names):
    made = [tables.slug(name) for name in names]
    for name in made:
        assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name)
        assert tables.slug(name) == name
    if names[0].replace("/", "-") != names[1].replace("/", "-"):
        assert made[0] != made[1]


# --- figures -----------------------------------------------------------------------------------------------------


def all_figures(instance, frame):
    needs, weight = instance.deficiency_kwh[0, :4], instance.weight[:4]
    return {
        "gap": figures.gap_figure({instance.meta.name: frame, "other": frame}, "swr", "swr: Σ log₂(1 + ER)"),
        "criteria": figures.tradeoff_figure(frame, instance.meta.name),
        "levels": levels_figure(needs, weight, 0.5 * needs.sum(), instance.household[:4], instance.meta.name),
        "supply": supply_figure(needs, weight, np.arange(4), instance.meta.name),
        "year": year_figure(instance, instance.meta.name),
    }


def test_same_input_gives_same_bytes_and_leaves_no_trace(tmp_path):
    import matplotlib.pyplot as plt

    settings_before = dict(matplotlib.rcParams)
    instance = community()
    frame = compared(instance, "water_filling", "greedy")
    written = {}
    for folder in ("one", "two"):
        for stem, figure in all_figures(instance, frame).items():
            endings = ("png", "pdf") if stem == "levels" else ("png",)
            for path in figures.save_figure(figure, tmp_path / folder, stem, endings=endings):
                written.setdefault(path.name, []).append(path.read_bytes())
    assert len(written) == 6
    for name, (first, second) in written.items():
        assert first == second, name
        assert b"CreationDate" not in first
    other = year_figure(community(seed=1), instance.meta.name)
    assert (
        figures.save_figure(other, tmp_path / "three", "year", endings=["png"])[0].read_bytes()
        != written["year.png"][0]
    )
    assert plt.get_fignums() == []
    assert dict(matplotlib.rcParams) == settings_before


def test_figures_ignore_the_style_of_the_user(tmp_path):
    instance = community()
    plain = figures.save_figure(year_figure(instance, "x"), tmp_path, "plain", endings=["png"])[0].read_bytes()
    with matplotlib.rc_context({"font.size": 20.0, "savefig.dpi": 40, "axes.facecolor": "red"}):
        styled = figures.save_figure(year_figure(instance, "x"), tmp_path, "styled", endings=["png"])[0].read_bytes()
    assert styled == plain


def test_hostile_names_are_drawn_as_they_are(tmp_path):
    instance = community(HOSTILE, household=[HOSTILE.replace("\n", " "), "$x$", "b", "c", "d"])
    frame = compared(instance, "water_filling", "greedy").assign(method=[HOSTILE, "$\\undefined$"])
    for stem, figure in all_figures(instance, frame).items():
        png = figures.save_figure(figure, tmp_path, f"{stem}/{HOSTILE}", endings=["png"])[0]
        assert png.parent == tmp_path
    assert figures.label("a $x$\n💥 b") == "a \\$x\\$ ? b"
    assert figures.label("x" * 60) == "x" * 43 + "…"


def test_gap_figure_draws_every_gap_with_the_best_method_on_top():
    instance = community()
    frame = compared(instance, "greedy", "water_filling", "game_theoretic")
    axes = figures.gap_figure({"one": frame}, "social_welfare", "welfare").axes[0]
    gaps = frame.set_index("method")["social_welfare_gap"].sort_values(ascending=False)
    assert [text.get_text() for text in axes.get_yticklabels()] == list(gaps.index)
    assert axes.get_yticklabels()[-1].get_text() == "water_filling"
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), 100 * gaps.to_numpy())
    only_easy = {"one": frame, "two": frame[frame["method"] != "water_filling"]}
    axes = figures.gap_figure(only_easy, "social_welfare", "welfare").axes[0]
    assert axes.get_yticklabels()[0].get_text() == "water_filling"


def test_tradeoff_figure_leaves_out_methods_without_gaps():
    rows = [("a", "feasible", 9.0, 0.25, ""), ("b", "violated", 12.0, math.nan, "")]
    axes = figures.tradeoff_figure(comparison(rows), "x").axes[0]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["a"]
    assert [text.get_text() for text in axes.texts] == ["25.0"]


def test_levels_figure_shows_energies_as_areas():
    needs, weight = np.array([4.0, 1.0, 6.0]), np.array([1.0, 1.0, 2.0])
    figure = levels_figure(needs, weight, 4.0, ["A", "B", "C"], "three houses")
    filled = {}
    for axes, name in zip(figure.axes, ("max_min", "filling"), strict=True):
        received = next(bars for bars in axes.containers if bars.get_label() == "energy received")
        filled[name] = [bar.get_width() * bar.get_height() for bar in received]
    # By hand, in ascending order of H = (1, 3, 4) of B, C, A: t = 1, and L = 13/3.
    assert filled["max_min"] == pytest.approx([1.0, 2.0, 1.0])
    assert filled["filling"] == pytest.approx([1.0, 8 / 3, 1 / 3])
    with pytest.raises(ValueError, match="positive"):
        levels_figure(np.array([0.0, 1.0]), np.ones(2), 1.0, ["A", "B"], "x")


def test_supply_figure_has_water_filling_on_top():
    instance = community()
    axes = supply_figure(instance.deficiency_kwh[0], instance.weight, instance.order, "x").axes[0]
    water, game, greedy = (line.get_ydata() for line in axes.lines)
    for other in (game, greedy):
        assert (water >= other - 1e-9).all()
        assert water.max() == pytest.approx(100.0)
        assert other[-1] == pytest.approx(100.0)
        assert (water > other + 0.1).any()


def test_year_figure_spans_the_intervals():
    instance = community(intervals=3)
    axes = year_figure(instance, "x").axes[0]
    values, edges, _ = axes.patches[1].get_data()
    np.testing.assert_allclose(values, instance.deficiency_kwh.sum(axis=1))
    np.testing.assert_allclose(np.diff(edges), 1.0)
    assert "24 h" in axes.get_ylabel()


# --- report ------------------------------------------------------------------------------------------------------


VOID = {"meta", "img", "wbr", "br", "link", "input"}


class Page(HTMLParser):
    """Checks nesting and collects elements and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.elements, self.text, self.ids = [], [], [], set()
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.elements.append((tag, found))
        self.ids |= {found["id"]} if "id" in found else set()
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture
def sections(tmp_path):
    picture = figures.save_figure(year_figure(community(), "x"), tmp_path / "figures", "year", endings=["png"])[0]
    frame = pd.DataFrame({"name": [HOSTILE, "b"], HOSTILE: [1.5, math.nan], "best": ["7 ★", "8"]})
    return [
        report.Section(HOSTILE, f"First {HOSTILE}.\n\nSecond.", [(HOSTILE, frame)], [(HOSTILE, picture)]),
        report.Section(
            "Plain", "", [report.Table("T", frame, HOSTILE, f"cmd {HOSTILE}")], [report.Picture("F", picture, HOSTILE)]
        ),
    ]


def test_report_is_one_well_formed_page_that_loads_nothing(tmp_path, sections):
    path = report.write_report(tmp_path / "deep" / "report.html", HOSTILE, sections, {HOSTILE: HOSTILE})
    text = path.read_text("utf-8")
    page = Page(text)
    assert page.all("script") == page.all("link") == page.all("iframe") == []
    assert not re.search(r"(?i)\b(src|href)\s*=\s*[\"']?\s*(https?:)?//|@import|url\(", text)
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.all("img"))
    assert [image["alt"] for image in page.all("img")] == [HOSTILE, HOSTILE]
    assert {link["href"] for link in page.all("a")} == {"#section-1", "#section-2"}
    assert {"section-1", "section-2"} <= page.ids
    shown = "".join(page.text)
    assert shown.count("Printed by") == len(page.all("table")) == 2
    assert "commonwatt tables" in shown
    assert f"cmd {HOSTILE}" in shown
    assert shown.count(HOSTILE) >= 10
    assert text.count("<strong>") == 2
    assert "★" not in shown


def test_sections_survive_the_file_and_moving_the_folder(tmp_path, sections):
    report.save_sections(tmp_path / "sections" / "x.json", sections, {"made": "today"}, root=tmp_path)
    first = report.write_report(tmp_path / "first.html", "R", sections).read_text("utf-8")
    moved = tmp_path.with_name(f"{tmp_path.name}-moved")
    tmp_path.rename(moved)
    loaded, meta = report.load_sections(moved / "sections" / "x.json", root=moved)
    assert meta == {"made": "today"}
    assert report.write_report(moved / "second.html", "R", loaded).read_text("utf-8") == first
    outside = [report.Section("S", figures=[("c", moved / "first.html")])]
    with pytest.raises(ValueError, match="is not in the subpath"):
        report.save_sections(moved / "x.json", outside, {}, root=moved / "sections")


# --- suites ------------------------------------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch):
    """Draw one gap figure instead of four, and no PDF, which takes longest."""

    def png_only(figure, folder, stem):
        return figures.save_figure(figure, folder, stem, endings=["png"])

    monkeypatch.setattr(suites_allocation, "DRAWN", ("social_welfare",))
    for module in (suite_sections, suites_allocation):
        monkeypatch.setattr(module, "save_figure", png_only)


@pytest.fixture
def shelf(monkeypatch, quick):
    """A library of two small instances and a menu of three methods; returns the list of evaluated runs."""
    found = {one.meta.name: one for one in (community("allocation/five"), community(HOSTILE, intervals=1, seed=2))}
    names = pd.DataFrame({"name": list(found), "problem": "allocation"})
    monkeypatch.setattr(suite_sections, "library", lambda: names)
    monkeypatch.setattr(suite_sections, "load", found.__getitem__)
    chosen = [call("allocation", name) for name in ("water_filling", "greedy", "random")]
    monkeypatch.setattr(experiment, "default_calls", lambda problem: chosen)
    evaluated = []

    def counting(instance, chosen, **options):
        evaluated.append((instance.meta.name, chosen.label))
        return evaluate(instance, chosen, **options)

    monkeypatch.setattr(experiment, "evaluate", counting)
    return evaluated


def quiet():
    return Console(file=io.StringIO(), width=60)


def test_a_suite_writes_everything_and_solves_nothing_twice(tmp_path, shelf):
    console = quiet()
    path = suites.run(["allocation"], tmp_path, console=console)
    # Two instances, two methods that draw nothing and one with three seeds.
    assert len(shelf) == 2 * (2 + 3)
    told = console.file.getvalue()
    assert "\x1b" not in told
    assert "allocation [10/10]" in told
    assert "allocation [1/10] allocation/five by water_filling (" in told
    assert str(path) in told
    assert path == tmp_path / "report.html"
    stems = {file.stem for file in (tmp_path / "tables").iterdir()}
    assert {"allocation-five", "allocation-summary", "allocation-criteria"} <= stems
    for stem in stems:
        assert all((tmp_path / "tables" / f"{stem}.{ending}").is_file() for ending in ("md", "csv", "tex"))
    drawn = {file.stem for file in (tmp_path / "figures").iterdir()}
    assert {"allocation-gap-social_welfare", "allocation-five-criteria", "allocation-five-year"} <= drawn
    assert {"allocation-levels", "allocation-supply"} <= drawn
    kept = pd.read_csv(tmp_path / "tables" / "allocation-five.csv")
    assert list(kept["runs"]) == [1, 1, 3]
    page = Page(path.read_text("utf-8"))
    assert page.all("script") == []
    assert HOSTILE in "".join(page.text)

    shelf.clear()
    before = path.read_text("utf-8")
    assert suites.rebuild_report(tmp_path).read_text("utf-8") == before
    suites.run(["allocation"], tmp_path, console=quiet())
    assert shelf == []


def test_an_interrupted_suite_goes_on_where_it_stopped(tmp_path, shelf, monkeypatch):
    solve = experiment.evaluate

    def interrupted(*args, **options):
        if len(shelf) == 3:
            raise KeyboardInterrupt
        return solve(*args, **options)

    monkeypatch.setattr(experiment, "evaluate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        suites.run(["allocation"], tmp_path, console=quiet())
    done = list(shelf)
    shelf.clear()
    monkeypatch.setattr(experiment, "evaluate", solve)
    suites.run(["allocation"], tmp_path, console=quiet())
    assert len(done) == 3
    assert len(shelf) == 7


def offer(monkeypatch, made):
    """Put suites into the registry's place."""
    monkeypatch.setattr(suites, "SUITES", made)
    monkeypatch.setattr(suites, "_suite", made.__getitem__)


def plain_suite(title, text="fine"):
    return lambda out, workers, console: [report.Section(title, text, [("t", pd.DataFrame({"x": [1.0]}))])]


def test_a_failing_suite_leaves_the_others_and_its_own_earlier_results(tmp_path, monkeypatch):
    def broken(out, workers, console):
        raise OSError("disk on fire")

    offer(monkeypatch, {"b": plain_suite("Bee"), "a": plain_suite("Aye", "old"), "c": broken})
    suites.run(["b", "a"], tmp_path, console=quiet())
    earlier = (tmp_path / "sections" / "a.json").read_bytes()
    offer(monkeypatch, {"b": plain_suite("New bee"), "a": broken, "c": plain_suite("Sea")})
    console = quiet()
    with pytest.raises(suites.SuiteError, match="a: OSError: disk on fire"):
        suites.run(["a", "b", "c"], tmp_path, console=console)
    assert "a: failed with OSError: disk on fire" in console.file.getvalue()
    assert (tmp_path / "sections" / "a.json").read_bytes() == earlier
    text = (tmp_path / "report.html").read_text("utf-8")
    # In the order of the suites, whatever the order they were asked for.
    assert [text.index(f"<h2>{title}</h2>") for title in ("New bee", "Aye", "Sea")] == sorted(
        text.index(f"<h2>{title}</h2>") for title in ("New bee", "Aye", "Sea")
    )
    assert json.loads(earlier)["sections"][0]["text"] == "old"


def test_suites_name_what_is_wrong(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match=r"unknown suite 'nope'; known: allocation"):
        suites.run(["nope"], tmp_path, console=quiet())
    with pytest.raises(ValueError, match="no suite"):
        suites.run([], tmp_path, console=quiet())
    with pytest.raises(FileNotFoundError, match="commonwatt tables"):
        suites.rebuild_report(tmp_path)
    monkeypatch.setattr(suite_sections, "library", lambda: pd.DataFrame({"name": [], "problem": []}))
    with pytest.raises(suites.SuiteError, match="no allocation instance"):
        suites.run(["allocation"], tmp_path, console=quiet())
    assert not Path(tmp_path / "report.html").exists()


def test_registered_suites_exist():
    assert set(registry.DEFAULT_SUITES) < set(registry.SUITES)
    for name in registry.SUITES:
        assert callable(suites._suite(name))


def test_progress_is_a_bar_on_a_terminal(shelf):
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    plan = experiment.Experiment([community("[bold]x")], methods=[call("allocation", "greedy")])
    with suites.watched(console, "work") as progress:
        progress(next(plan.runs()), 1, 1)
    told = console.file.getvalue()
    assert "\x1b[" in told
    assert "[bold]x by greedy" in told


def test_broken_claims_are_reported(tmp_path, quick):
    frame = compared(community(), "water_filling", "greedy")
    section = suite_sections.overview_section(tmp_path, problem("allocation"), {"x": frame}, ["swr"])
    assert "Every claim is kept" in section.text
    lying = frame.assign(exact_for="swr", optimal_for="")
    section = suite_sections.overview_section(tmp_path, problem("allocation"), {"x": lying}, ["swr"])
    assert "Broken claims: 2" in section.text
    assert list(section.all_tables()[0].frame["instance"]) == ["x", "x"]


def test_interval_in_detail_prefers_one_that_shows_most():
    dull = community("dull", deficiency_kwh=np.ones((4, 5)) * [1, 1, 1, 1, 0], weight=np.ones(5))
    lively = community("lively")
    instance, t = suites_allocation._telling_interval([dull, lively])
    assert instance is lively
    shares = lively.available_kwh / lively.requested_kwh.sum(axis=1)
    assert abs(shares[t] - 0.5) == np.abs(shares - 0.5).min()


def test_runs_have_the_columns_that_tables_read():
    assert {"method", "kind", "seed", "status", "seconds", "reason", "exact_for", "feasible"} <= set(RUN_COLUMNS)


def test_a_broken_claim_fails_the_run_after_all_is_written(tmp_path, monkeypatch):
    def suite(out, workers, screen):
        found = pd.DataFrame([["some instance", "liar claims to be exact"]], columns=["instance", "claim"])
        return [report.Section("Found", "Text.", [report.Table(suites.BROKEN, found)])]

    offer(monkeypatch, {"a": suite})
    with pytest.raises(suites.SuiteError, match="claims are broken, see the report: Found"):
        suites.run(["a"], tmp_path, console=Console(file=io.StringIO()))
    assert "liar claims to be exact" in (tmp_path / "report.html").read_text(encoding="utf-8")

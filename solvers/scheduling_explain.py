"""Why no schedule exists, in the instance's own words: the least that would have to be forgone, and where (HiGHS)."""

from __future__ import annotations

from ..instances.scheduling import SchedulingInstance
from ..models.scheduling.program import build_elastic
from .programs import solve_pyomo

SHOWN = 10
NOTHING = 1e-7
"""Slacks below this, kWh, are a solver's rounding."""


def explain(instance: SchedulingInstance) -> str:
    """Say what an infeasible instance lacks: member, storage or request, time, amount and what would mend it.

    Parameters
    ----------
    instance : SchedulingInstance
        What is given; need not be infeasible.

    Returns
    -------
    str
        One line of what is wrong, then one for each thing that is lacking, largest first.
    """
    model = build_elastic(instance)
    solve_pyomo(model)
    times = instance.labels_of("interval+")
    found: list[tuple[float, str]] = []

    def note(slack: object, text: str, name: object) -> None:
        for index, variable in slack.items():  # type: ignore[attr-defined]
            if variable.value is not None and variable.value > NOTHING:
                where = index if isinstance(index, tuple) else (None, index)
                when = "" if where[0] is None else times[where[0]]
                amount = f"{variable.value:.6g} kWh"
                found.append((variable.value, text.format(who=name[where[1]], when=when, amount=amount)))  # type: ignore[index]

    note(
        model.missing_load,
        "{who}, {when}: {amount} of load cannot be served; raise the limit of its or the community's connection, the "
        "storages' power or content, or let load be curtailed (curtailable_kwh) or lost (lost_load)",
        instance.member,
    )
    note(
        model.stranded_generation,
        "{who}, {when}: {amount} of generation have nowhere to go; raise export limits or allow spilling (spill)",
        instance.member,
    )
    note(
        model.missing_content,
        "{who}, {when}: {amount} are missing to the content it must have; plug it in earlier, raise its charging "
        "power, or lower required_kwh, final_kwh or minimum_kwh",
        instance.storage,
    )
    note(
        model.excess_content,
        "{who}, {when}: {amount} are there beyond its capacity; raise its discharging power or begin with less",
        instance.storage,
    )
    note(
        model.missing_service,
        "{who}: {amount} of what it asks cannot be served in its window; widen the window, raise its power or the "
        "limits of the connections",
        instance.request,
    )
    if not found:
        return f"{instance.meta.name}: no requirement is missed by more than rounding"
    lines = [f"  {text}" for _, text in sorted(found, key=lambda one: -one[0])[:SHOWN]]
    more = [f"  … and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    total = sum(amount for amount, _ in found)
    head = f"{instance.meta.name}: no schedule keeps all requirements; {total:.6g} kWh at least have to be forgone:"
    return "\n".join([head, *lines, *more])

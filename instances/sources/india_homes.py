"""Declared homes of the generated Indian community (:mod:`.india`): kinds, appliances, panels, stores and requests.

All numbers are our own, of plausible size, in the spirit of what household surveys ask (who owns which appliance, at
which hours it runs); none is taken from survey data. Lange evaluates on the India Residential Energy Survey 2020, whose
records may not be redistributed.
"""

from __future__ import annotations

from dataclasses import dataclass

KINDS = ("rural low", "rural middle", "urban flat", "urban house", "small shop")
"""Kinds of members; every tuple of five numbers below is in this order."""

Five = tuple[float, float, float, float, float]
Hours = tuple[tuple[int, int, float], ...]


@dataclass(frozen=True)
class Appliance:
    """One kind of appliance.

    Parameters
    ----------
    name : str
    power_w : float
        While it runs.
    owned : tuple of five floats
        Mean number per member of each kind; drawn as a Poisson number, or for up to one as yes or no.
    runs : tuple of (first hour, last hour, chance)
        Chance that one of them runs in an interval, from the first hour on and before the last; 0 at other hours. Hours
        after 24 belong to the early morning.
    shop : tuple, optional
        The same for shops, where they differ.
    cooling : bool
        Whether its chance grows with the heat of its state.
    """

    name: str
    power_w: float
    owned: Five
    runs: Hours
    shop: Hours | None = None
    cooling: bool = False


OPEN: Hours = ((9, 21, 0.85),)

APPLIANCES = (
    Appliance(
        "lamp", 10.0, (3.0, 5.0, 6.0, 10.0, 5.0), ((5, 7, 0.35), (18, 19, 0.5), (19, 23, 0.7)), ((18, 22, 0.95),)
    ),
    Appliance(
        "fan",
        70.0,
        (1.2, 2.2, 3.0, 4.0, 1.5),
        ((7, 12, 0.25), (12, 18, 0.45), (18, 22, 0.55), (22, 31, 0.6)),
        OPEN,
        True,
    ),
    Appliance("television", 80.0, (0.5, 0.8, 0.95, 1.0, 0.2), ((8, 11, 0.15), (13, 16, 0.2), (18, 23, 0.6))),
    Appliance("refrigerator", 150.0, (0.10, 0.45, 0.85, 0.98, 0.4), ((0, 24, 0.38),)),
    Appliance("air cooler", 180.0, (0.10, 0.35, 0.25, 0.30, 0.1), ((12, 17, 0.4), (20, 29, 0.45)), OPEN, True),
    Appliance("air conditioner", 1400.0, (0.0, 0.02, 0.25, 0.7, 0.12), ((14, 17, 0.12), (21, 28, 0.4)), OPEN, True),
    Appliance("mixer grinder", 500.0, (0.2, 0.6, 0.9, 0.95, 0.1), ((7, 9, 0.08), (18, 20, 0.08))),
    Appliance("iron", 1000.0, (0.1, 0.3, 0.6, 0.7, 0.0), ((7, 9, 0.06), (19, 21, 0.02))),
    Appliance("water heater", 2000.0, (0.0, 0.02, 0.35, 0.6, 0.0), ((6, 8, 0.12),)),
    Appliance("telephone and router", 12.0, (1.0, 1.6, 2.5, 3.0, 1.0), ((0, 24, 0.5),)),
    Appliance("counter and display", 250.0, (0.0, 0.0, 0.0, 0.0, 1.0), OPEN),
)


@dataclass(frozen=True)
class Movable:
    """Something that has to run once a day for so many kWh, at any time from the first hour on and before the last."""

    name: str
    owned: Five
    energy_kwh: tuple[float, float]
    power_kw: float
    first_hour: int
    last_hour: int


MOVABLE = (
    Movable("water pump", (0.05, 0.30, 0.05, 0.50, 0.05), (0.4, 1.1), 0.75, 5, 18),
    Movable("washing machine", (0.0, 0.10, 0.35, 0.50, 0.0), (0.3, 0.7), 0.5, 6, 20),
    Movable("electric scooter", (0.02, 0.06, 0.10, 0.15, 0.10), (0.8, 2.2), 0.9, 18, 24),
)


@dataclass(frozen=True, kw_only=True)
class IndiaModel:
    """Parameters of the community; shares in the order of :data:`KINDS`, units in the names.

    The comments say why a value was chosen.
    """

    # A third of the places are towns; each place has a few shops.
    urban_share: float = 0.35
    rural_mix: Five = (0.50, 0.42, 0.0, 0.0, 0.08)
    urban_mix: Five = (0.0, 0.0, 0.50, 0.38, 0.12)

    appliances: tuple[Appliance, ...] = APPLIANCES
    movable: tuple[Movable, ...] = MOVABLE
    # Heat differs from state to state; it multiplies the chance that fans, coolers and conditioners run.
    heat: tuple[float, float] = (0.7, 1.2)
    # Habits: how much more or less than others a member uses everything.
    habit_sigma: float = 0.25

    pv_share: Five = (0.02, 0.12, 0.05, 0.40, 0.25)
    pv_kwp: tuple[float, float] = (1.0, 5.0)
    pv_performance: float = 0.75
    # On the first of May at about 22 degrees north, on Indian Standard Time.
    sunrise_h: float = 5.75
    sunset_h: float = 18.6
    cloud_day: tuple[float, float] = (0.6, 1.0)
    cloud_sigma: float = 0.12
    cloud_correlation: float = 0.8

    # Half of the panels have a lithium battery; some other homes an inverter with a lead-acid one against outages.
    battery_share_with_pv: float = 0.5
    battery_kwh: float = 5.0
    battery_kw: float = 2.5
    battery_efficiency: float = 0.95
    inverter_share: Five = (0.0, 0.05, 0.15, 0.20, 0.25)
    inverter_kwh: float = 1.5
    inverter_kw: float = 0.7
    inverter_efficiency: float = 0.85

    # Cheap in the hours of the sun, dear in the evening, INR/kWh; the evening's price is the buyers' of the paper.
    price_other: float = 8.0
    price_sun: float = 7.0
    price_evening: float = 10.0
    price_sell: float = 4.0
    sun_hours: tuple[int, int] = (9, 17)
    evening_hours: tuple[int, int] = (18, 22)

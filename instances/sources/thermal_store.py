r"""Rooms that are heated and stores that are cooled, as storages of electricity.

A room of heat capacity C behind a resistance R, heated with a coefficient of performance k by the power P, is after an
interval at :math:`\theta' = a \theta + (1 - a)(\theta_o + R k P)` with :math:`a = \exp(-\Delta / (R C))`. Counted in
electricity from the lower end of the band, :math:`x = C (\theta - \theta_{min}) / k`, that is a storage which keeps the
share a, is charged with the efficiency :math:`(1 - a) R C / \Delta < 1` and loses
:math:`(1 - a)(C / k)(\theta_{min} - \theta_o)` in each interval: exact for power that is constant within intervals. A
cold store is the same upside down, counted from the upper end of its band.

Source: first-order models of thermostatic loads, textbook matter; Postnikov et al. name both as members of portfolios.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def thermal_store(
    outside_c: Any,
    *,
    band_c: tuple[float, float],
    capacity_kwh_per_k: float,
    resistance_k_per_kw: float,
    performance: float,
    power_kw: float,
    dt_h: float,
    initial_c: float | None = None,
    cooling: bool = False,
) -> dict[str, Any]:
    """Fields of a storage, by their names in :class:`commonwatt.instances.portfolio.PortfolioInstance`.

    Parameters
    ----------
    outside_c : (..., T) array, °C
        Temperature around it, of each scenario or of one.
    band_c : pair of float, °C
        Lowest and highest temperature inside.
    capacity_kwh_per_k : float, kWh/K
        C.
    resistance_k_per_kw : float, K/kW
        R.
    performance : float
        k, heat or cold per electricity.
    power_kw : float, kW
        Greatest electrical power.
    dt_h : float, h
        Δ.
    initial_c : float, °C, optional
        The middle of the band unless given.
    cooling : bool
        Whether it is cooled.

    Returns
    -------
    dict
        ``capacity_kwh``, ``initial_kwh``, ``charge_kw``, ``discharge_kw``, ``charge_efficiency``, ``retention`` and
        ``trip_kwh`` (..., T); what is charged on the way, at ``rapid_price``, stands for heat from elsewhere.

    Raises
    ------
    ValueError
        For numbers out of range, and where the temperature outside alone would move the room beyond the end of its
        band that it is held from: then it is no store.
    """
    low, high = band_c
    for name, value in (
        ("capacity_kwh_per_k", capacity_kwh_per_k),
        ("resistance_k_per_kw", resistance_k_per_kw),
        ("performance", performance),
        ("dt_h", dt_h),
        ("width of band_c", high - low),
    ):
        if not value > 0:
            raise ValueError(f"{name} is {value:g}; it must be positive")
    start = (low + high) / 2 if initial_c is None else initial_c
    if not low <= start <= high:
        raise ValueError(f"initial_c is {start:g}, outside of the band from {low:g} to {high:g} °C")
    outside = np.asarray(outside_c, float)
    away = outside - high if cooling else low - outside
    if (away < 0).any():
        worst = float(outside.min() if cooling else outside.max())
        end = f"upper end, {high:g}" if cooling else f"lower end, {low:g}"
        raise ValueError(
            f"outside_c reaches {worst:g} °C, beyond the band's {end} °C, where it needs no power; choose other "
            "intervals or another band"
        )
    kept = float(np.exp(-dt_h / (resistance_k_per_kw * capacity_kwh_per_k)))
    scale = capacity_kwh_per_k / performance
    return {
        "capacity_kwh": scale * (high - low),
        "initial_kwh": scale * (high - start if cooling else start - low),
        "charge_kw": power_kw,
        "discharge_kw": 0.0,
        "charge_efficiency": (1.0 - kept) * resistance_k_per_kw * capacity_kwh_per_k / dt_h,
        "retention": kept,
        "trip_kwh": (1.0 - kept) * scale * away,
    }
